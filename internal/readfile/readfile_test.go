package readfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

func TestStat(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	err := errors.Join(os.Mkdir(at("folder"), 0o755), os.Symlink("folder", at("live")), os.Symlink("gone", at("dead")),
		os.Symlink("dead", at("folder/far")), os.Symlink("loop", at("loop")), os.WriteFile(at("file"), nil, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		path, link string // the link that is to blame
	}{
		"a folder":                {"folder", ""},
		"a link to a folder":      {"live", ""},
		"nothing":                 {"none/at/all", ""},
		"nothing behind a link":   {"live/none", ""},
		"below a file":            {"file/none", ""},
		"a loop":                  {"loop", ""},
		"a dead link":             {"dead", "dead"},
		"below a dead link":       {"dead/a/b.crt", "dead"},
		"a link to a dead link":   {"folder/far", "folder/far"},
		"dead behind a live link": {"live/far/x", "live/far"},
	} {
		t.Run(name, func(t *testing.T) {
			info, err := readfile.Stat(at(test.path))
			plain, plainErr := os.Stat(at(test.path))
			if (err == nil) != (plainErr == nil) || err == nil && !os.SameFile(info, plain) || errors.Is(err, fs.ErrNotExist) != errors.Is(plainErr, fs.ErrNotExist) {
				t.Errorf("got %v, %v; os.Stat %v, %v", info, err, plain, plainErr)
			}
			_, readErr := readfile.Read(at(test.path), 1)
			for _, err := range []error{err, readErr} {
				if dead := errors.Is(err, readfile.ErrDeadLink); dead != (test.link != "") || dead && !strings.Contains(err.Error(), at(test.link)+" -> ") {
					t.Errorf("got %v, want it to blame %q", err, test.link)
				}
			}
		})
	}
}
