package statefile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Another process may have the folder once the recorder is closed: a save that was to come
// later must not reach it.
func TestNothingIsSavedAfterClose(t *testing.T) {
	r, err := Open(Options{RootDir: t.TempDir(), Version: "v1.31.0", Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	r.mutex.Lock()
	r.saveSoon()
	r.mutex.Unlock()
	// Nothing can be written over a folder, and so it is tried again later.
	if err := errors.Join(os.Remove(r.path), os.Mkdir(r.path, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err == nil {
		t.Fatal("Close does not say that the rest was not written")
	}
	if err := os.Remove(r.path); err != nil {
		t.Fatal(err)
	}
	r.saveInBackground() // as a timer that had fired meanwhile
	if _, err := os.Lstat(r.path); !os.IsNotExist(err) {
		t.Errorf("it was saved after all (%v)", err)
	}
}

// What can't have the disk begin is no error; anything else is, and before the copy of the
// file in place is given up.
func TestStartWriting(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	for name, file := range map[string]*os.File{"a file": file, "a pipe": writer} {
		if err := startWriting(file); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if file.Close(); !errors.Is(startWriting(file), syscall.EBADF) {
		t.Errorf("of a file that is closed: %v", startWriting(file))
	}
}
