package readfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ErrDeadLink means that a link leads to a path where nothing is.
var ErrDeadLink = errors.New("the link leads nowhere")

// Stat is os.Stat. Where nothing is at a path because the path, or a folder on the way to it,
// is a link that leads nowhere, the error matches ErrDeadLink too: somebody made that link,
// so what it led to is lost, which is not the same as never there.
func Stat(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	return info, explain(path, err)
}

// explain names the link because of which there is nothing at a path.
func explain(path string, err error) error {
	for missing := err; errors.Is(missing, fs.ErrNotExist); _, missing = os.Stat(path) {
		if target, readErr := os.Readlink(path); readErr == nil {
			return fmt.Errorf("%s -> %s: %w: %w", path, target, ErrDeadLink, syscall.ENOENT)
		}
		if path == filepath.Dir(path) {
			break
		}
		path = filepath.Dir(path)
	}
	return err
}
