package gittree

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

const (
	// maxObjectSize bounds one object, in bytes. The largest file of Kubernetes is
	// under 10 MiB.
	maxObjectSize = 512 << 20
	// maxObjects bounds the objects of a packfile. Kubernetes has some 30,000 at a tag.
	maxObjects = 1 << 20
)

// relay passes a packfile on to go-git, each piece after inspect has accepted it: go-git
// reserves the memory that a packfile says it needs.
type relay struct {
	ctx  context.Context
	from io.Reader
	to   io.Writer
	// piece was read and not passed on yet; tail holds the last bytes passed on.
	piece, tail []byte
	// last is the error that came with the last piece, failed that of to.
	last, failed error
}

// Read implements io.Reader. Who asks for more has accepted what it had.
func (r *relay) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if len(r.piece) > 0 {
		if _, r.failed = r.to.Write(r.piece); r.failed != nil {
			return 0, r.failed
		}
		r.tail = append(r.tail, r.piece...)
		r.tail = r.tail[max(0, len(r.tail)-len(plumbing.ZeroHash)):]
	}
	r.piece = r.piece[:0]
	if r.last != nil {
		return 0, r.last
	}
	n, err := r.from.Read(p)
	r.piece, r.last = append(r.piece, p[:n]...), err
	return n, nil
}

// inspect reads a packfile to its end and refuses one that is damaged or too large.
// go-git does so only in part.
func inspect(packed *relay) error {
	scanner := packfile.NewScanner(packed)
	_, count, err := scanner.Header()
	if err != nil {
		return fmt.Errorf("the header of the packfile: %w", whole(err))
	}
	if count > maxObjects {
		return fmt.Errorf("the packfile claims to hold %d objects, and %d are allowed", count, maxObjects)
	}
	for i := range count {
		if err := inspectObject(scanner); err != nil {
			return fmt.Errorf("object %d of %d: %w", i+1, count, whole(err))
		}
	}
	checksum, err := scanner.Checksum()
	if err != nil {
		return fmt.Errorf("the checksum of the packfile: %w", whole(err))
	}
	if err := scanner.Close(); err != nil { // which reads to the end
		return fmt.Errorf("after the packfile: %w", err)
	}
	if string(packed.tail) != string(checksum[:]) {
		return errors.New("something follows the packfile")
	}
	return nil
}

func inspectObject(scanner *packfile.Scanner) error {
	header, err := scanner.NextObjectHeader()
	if err != nil {
		return err
	}
	if header.Type.String() == "unknown" {
		return fmt.Errorf("its type %d is unknown", header.Type)
	}
	size, start := header.Length, prefix{}
	if size > maxObjectSize {
		return fmt.Errorf("it claims to have %d bytes, and %d are allowed", size, maxObjectSize)
	}
	n, _, err := scanner.NextObject(&start)
	if err != nil {
		return err
	}
	if n != size {
		return fmt.Errorf("it has %d bytes, and claims %d", n, size)
	}
	if !header.Type.IsDelta() {
		return nil
	}
	// A delta begins with the sizes of the object that it changes and of the result.
	_, skip := binary.Uvarint(start.data)
	result, more := binary.Uvarint(start.data[max(0, skip):])
	if skip <= 0 || more <= 0 || result > maxObjectSize {
		return fmt.Errorf("it is a change that makes %d bytes of another object, and %d are allowed", result, maxObjectSize)
	}
	return nil
}

// prefix keeps the start of what is written to it.
type prefix struct{ data []byte }

func (p *prefix) Write(data []byte) (int, error) {
	p.data = append(p.data, data[:min(len(data), 2*binary.MaxVarintLen64-len(p.data))]...)
	return len(data), nil
}

// whole turns the end of the stream into what it is inside a packfile.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
