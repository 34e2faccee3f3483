// Package readfile reads files of others: configuration, manifests. A pipe or a
// device in a file's place gives an error, never a hang, and no file fills the
// memory. Links are followed, as the kubelet does where it reads.
package readfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

var (
	// ErrNotRegular means that something else than a file is at the path.
	ErrNotRegular = errors.New("not a regular file")
	// ErrTooLarge means that the file is larger than its kind ever is.
	ErrTooLarge = errors.New("too large")
)

// Read returns the content of a regular file of at most limit bytes.
func Read(path string, limit int64) ([]byte, error) {
	data, err := read(path, limit)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, explain(path, err))
	}
	return data, nil
}

func read(path string, limit int64) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, errors.Unwrap(err) // without the path, which Read adds
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, ErrNotRegular
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return data, err
}
