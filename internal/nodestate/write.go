package nodestate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/steadylet/steadylet/statefile"
)

var (
	// ErrGood means that there is a good file, which is not written over unasked.
	ErrGood = errors.New("the state file is whole")
	// ErrBusy means that another steadylet writes.
	ErrBusy = errors.New("another steadylet writes to this root directory")
)

// Refusal says why no new file may be written, or nil. force lets a good one be
// replaced.
func (i Inspection) Refusal(force bool) error {
	switch {
	case i.Current.Condition == Future, i.Current.Condition == Unreadable:
		return i.Check()
	case i.Current.Condition == Whole && !force:
		return fmt.Errorf("%s: %w, and nothing was changed: --force replaces it, and keeps it as %s", i.Current.Path, ErrGood, i.Previous.Path)
	}
	return nil
}

// CheckRoot refuses a kubelet's root directory that is missing or another user's: a
// patched kubelet would set a file of another user's aside.
func CheckRoot(rootDir string) error {
	info, err := os.Stat(rootDir)
	if err != nil {
		return fmt.Errorf("the kubelet's root directory: %w: name it with --root-dir", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("the kubelet's root directory %s is not a folder: name it with --root-dir", rootDir)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("the kubelet's root directory %s belongs to user %d: run steadylet as that user", rootDir, stat.Uid)
	}
	return nil
}

// CheckUnused returns an error that says what to do while a patched kubelet has the
// state folder.
func CheckUnused(path string) error {
	err := statefile.InUse(path)
	if errors.Is(err, statefile.ErrInUse) {
		return fmt.Errorf("%w: a patched kubelet runs and keeps its own record; stop it first to write another", err)
	}
	return err
}

// Write writes the state file below rootDir, unless Refusal or CheckUnused object. A
// damaged file is set aside; its new path is returned.
func Write(rootDir string, state statefile.State, force bool, now time.Time) (aside string, err error) {
	if err := CheckRoot(rootDir); err != nil {
		return "", err
	}
	lock, err := lockRoot(rootDir)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	path := statefile.Path(rootDir)
	inspection := Inspect(path)
	if err := errors.Join(inspection.Refusal(force), CheckUnused(path)); err != nil {
		return "", err
	}
	if inspection.Current.Condition == Damaged {
		if aside, err = statefile.SetAside(path, now); err != nil {
			return "", fmt.Errorf("setting the damaged file aside: %w", err)
		}
	}
	if err := statefile.Save(path, state); err != nil {
		if aside != "" {
			err = errors.Join(err, os.Rename(aside, path))
		}
		return "", err
	}
	return aside, nil
}

// lockRoot keeps other runs of steadylet out. (The kubelet's own lock is only looked
// at: one that starts and finds it taken behaves as stock.)
func lockRoot(rootDir string) (*os.File, error) {
	folder, err := os.Open(filepath.Clean(rootDir))
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", rootDir, err)
	}
	err = syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrBusy
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", rootDir, err), folder.Close())
	}
	return folder, nil
}
