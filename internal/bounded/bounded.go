// Package bounded keeps the output of programs that may write without end.
package bounded

import "bytes"

// Buffer is an io.Writer that keeps the first bytes of what is written to it, as many as
// Limit says, and drops the rest without an error. It is not safe for concurrent use.
type Buffer struct {
	// Limit is in bytes.
	Limit int
	// kept is not embedded: its ReadFrom, which io.Copy prefers, has no limit.
	kept bytes.Buffer
}

// Write keeps what there is room for, and reports all of it as written.
func (b *Buffer) Write(data []byte) (int, error) {
	b.kept.Write(data[:min(len(data), b.Limit-b.kept.Len())])
	return len(data), nil
}

// String returns what was kept.
func (b *Buffer) String() string { return b.kept.String() }
