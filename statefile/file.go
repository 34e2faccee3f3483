package statefile

import (
	"errors"
	"fmt"
	"io"
	"io/ioutil" //lint:ignore SA1019 io.ReadAll is of Go 1.16, and 1.20 is built with 1.15
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio"
	"k8s.io/klog/v2"
)

// maxSize bounds the file, in bytes. A state with the containers of the fullest
// node is a tenth of it.
const maxSize = 1 << 20

const (
	fileMode   = 0600
	folderMode = 0700
)

// Path returns where the state file lies below the kubelet's root directory.
func Path(rootDir string) string { return filepath.Join(rootDir, "steadylet", "state.json") }

// PreviousPath returns where the copy of the state file before the last Save lies.
func PreviousPath(path string) string { return path + ".prev" }

// Load reads the state file at path. The error matches one of the package's Err
// variables, or is that of the file system. No link is followed.
func Load(path string) (State, error) {
	data, err := read(path)
	if err != nil {
		return State{}, fmt.Errorf("reading %s: %w", path, err)
	}
	s, err := Decode(data)
	if err != nil {
		return State{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return s, nil
}

func read(path string) ([]byte, error) {
	// Non-blocking, or a named pipe in the file's place would stop the kubelet.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case os.IsNotExist(err):
		return nil, ErrMissing
	case errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENXIO): // a link, a socket
		return nil, ErrNotRegular
	case err != nil:
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := check(info); err != nil {
		return nil, err
	}
	data, err := ioutil.ReadAll(io.LimitReader(file, maxSize+1))
	if err == nil && len(data) > maxSize {
		err = ErrTooLarge
	}
	return data, err
}

func check(info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return ErrNotRegular
	}
	if info.Mode().Perm()&0022 != 0 {
		return fmt.Errorf("%w: %#o, want %#o", ErrMode, info.Mode().Perm(), fileMode)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%w: user %d, want %d", ErrOwner, stat.Uid, os.Geteuid())
	}
	if info.Size() > maxSize {
		return ErrTooLarge
	}
	return nil
}

// Save writes the state file at path, with mode 0600 in a folder of mode 0700
// that is made where it is missing. When it returns nil the content is on the
// disk, and survives a loss of power. When it fails, the file is as it was; if
// only the sync of the folder failed, it is the new one, whole. The file that it
// replaces is kept as path.prev if it is whole and that can be done; after a sync that
// failed, path.prev may be that same file, and the one before it gone. The error matches
// ErrTooLarge, or ErrNotRegular or ErrOwner for the folder, or is that of the file system,
// or says what can't be encoded.
//
// Only one process may save to a path at a time.
func Save(path string, s State) error {
	_, loadErr := Load(path)
	data, err := s.Encode()
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return write(path, data, loadErr == nil)
}

// write is Save of a text, for a caller that knows whether the file in place is whole.
func write(path string, data []byte, whole bool) error {
	if err := tryWrite(path, data, whole); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

func tryWrite(path string, data []byte, whole bool) error {
	if len(data) > maxSize {
		return ErrTooLarge
	}
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	before := func() {}
	if whole {
		before = func() { keepPrevious(path) }
	}
	if err := replace(path, data, before); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// keepPrevious gives the file in place the name of the copy as well. (A link costs
// no write of the content, and both names hold a whole file at all times.) What can't
// be kept is done without: the new file is worth more.
func keepPrevious(path string) {
	link := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"-link")
	err := os.Link(path, link)
	if os.IsExist(err) { // left by a process that was killed
		os.Remove(link)
		err = os.Link(path, link)
	}
	if err == nil {
		err = os.Rename(link, PreviousPath(path))
	} else if before, readErr := read(path); readErr == nil {
		// A file system without links; a copy is as safe.
		err = replace(PreviousPath(path), before, func() {})
	}
	if err != nil && !os.IsNotExist(err) {
		klog.ErrorS(err, "Steadylet could not keep the copy before", "path", path)
	}
}

// makeFolder makes the state folder, or makes sure that it is one of ours.
func makeFolder(folder string) error {
	if err := os.Mkdir(folder, folderMode); err == nil {
		if err = syncFolder(filepath.Dir(folder)); err != nil {
			os.Remove(folder) // so that the next try syncs it
		}
		return err
	} else if !os.IsExist(err) {
		return err
	}
	if err := CheckFolder(folder); err != nil {
		return err
	}
	if info, err := os.Lstat(folder); err != nil || info.Mode().Perm() == folderMode {
		return err
	}
	return os.Chmod(folder, folderMode)
}

// CheckFolder refuses a state folder that is a link, no folder, or another user's: it
// could lead the kubelet to read, rename or write anywhere else. The error matches
// ErrNotRegular or ErrOwner, or is that of the file system. One that does not exist is fine.
func CheckFolder(folder string) error {
	info, err := os.Lstat(folder)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder: %w", folder, ErrNotRegular)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d: %w", folder, stat.Uid, ErrOwner)
	}
	return nil
}

// replace writes a file through a temporary one beside it, which is synced before
// it takes the name. It calls before when there was room for the content, as far as that
// is known before the sync.
func replace(path string, data []byte, before func()) error {
	// In the same folder: elsewhere may be another file system.
	file, err := renameio.TempFile(filepath.Dir(path), path)
	if err != nil {
		return err
	}
	defer file.Cleanup()
	if err := file.Chmod(fileMode); err != nil {
		return err
	}
	if _, err := file.Write(data); err != nil {
		return err
	}
	if err := startWriting(file.File); err != nil {
		return err
	}
	before()
	return file.CloseAtomicallyReplace()
}

// syncFolder makes a rename in the folder survive a loss of power.
func syncFolder(folder string) error {
	file, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}
