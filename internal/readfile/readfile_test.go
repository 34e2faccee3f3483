package readfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/steadylet/steadylet/internal/readfile"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	file, pipe, link := filepath.Join(dir, "file"), filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, []byte("1234"), 0o600), syscall.Mkfifo(pipe, 0o600), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		path  string
		limit int64
		want  error
	}{
		"file": {file, 4, nil}, "link": {link, 4, nil}, "too large": {file, 3, readfile.ErrTooLarge},
		"pipe": {pipe, 4, readfile.ErrNotRegular}, "folder": {dir, 4, readfile.ErrNotRegular},
		"missing": {file + "2", 4, fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := readfile.Read(test.path, test.limit)
			if !errors.Is(err, test.want) || err == nil && string(data) != "1234" {
				t.Errorf("got %q, %v", data, err)
			}
		})
	}
}
