package release

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/manifest"
)

// publish moves a finished folder to its place. What was there goes to old first, and
// comes back when the move fails; between the two moves there is no release.
func publish(from, to, old string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	err := os.Rename(to, old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	replaced := err == nil
	if err := os.Rename(from, to); err != nil {
		if replaced {
			err = errors.Join(err, os.Rename(old, to))
		}
		return err
	}
	return os.RemoveAll(old)
}

// CheckWritable reports whether a release can be put at target, before the long work of
// making one. It leaves nothing there.
func CheckWritable(target string) error {
	dir := filepath.Dir(target)
	for {
		// What is missing would be made in the nearest folder that is there.
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	probe, err := os.MkdirTemp(dir, ".writable-")
	if err == nil {
		err = os.Remove(probe)
	}
	if err != nil {
		return fmt.Errorf("the release goes to %s, which can't be written: %w", target, err)
	}
	return nil
}

// sums lists digests as sha256sum does, and checks with --check: two spaces between
// digest and name, sorted by name.
func sums(files []manifest.File) []byte {
	sorted := slices.SortedFunc(slices.Values(files), func(a, b manifest.File) int { return strings.Compare(a.Name, b.Name) })
	var text strings.Builder
	for _, file := range sorted {
		fmt.Fprintf(&text, "%s  %s\n", file.SHA256, file.Name)
	}
	return []byte(text.String())
}

func copyFile(to, from string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	_, err = io.Copy(target, source)
	return err
}
