package statefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// PreviousPath returns where the copy of the state file before the last Save lies.
func PreviousPath(path string) string { return previousPath(path) }

// IsDamage reports whether an error of Load says that the file is of no use to
// anybody. A missing file, one of a later release and one that can't be read for a
// reason that is not its own are no damage.
func IsDamage(err error) bool { return isDamage(err) }

// CheckFolder refuses a state folder that is a link, no folder, or another user's.
// One that does not exist is fine.
func CheckFolder(path string) error { return checkFolder(filepath.Dir(path)) }

// SetAside renames a damaged state file as Open does, and returns its new path.
// Nothing is removed.
func SetAside(path string, now time.Time) (string, error) {
	aside := asidePath(path, now)
	return aside, os.Rename(path, aside)
}

// InUse returns an error that matches ErrInUse while a kubelet has the state folder
// of path. It makes nothing, and lets go of the lock before it returns: a kubelet
// that starts meanwhile and finds it taken would behave as stock.
func InUse(path string) error {
	folder := filepath.Dir(path)
	file, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if os.IsNotExist(err) || isNotFolder(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at the lock of %s: %w", folder, err)
	}
	defer file.Close()
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%s: %w", folder, ErrInUse)
	}
	if err != nil {
		return fmt.Errorf("looking at the lock of %s: %w", folder, err)
	}
	return nil
}

// ChangedAt returns when a manifest last changed, in content or in any other way. A
// path that leads over a link is refused: where a link leads can change without a
// trace.
func ChangedAt(path string) (time.Time, error) { return changedAt(path) }

// Seed returns what a kubelet that finds no state would record for a static pod
// that runs already: see Recorder.StaticPodUID. changed is what ChangedAt says. Where
// it would record nothing, ok is false and the reason says why.
//
// List the sandboxes, then read the manifest, then ask ChangedAt: an edit that comes
// in between leaves the pod out.
func (m Manifest) Seed(changed, now time.Time, sandboxes []Sandbox) (pod StaticPod, reason string, ok bool) {
	m.Generated = ""
	uid := m.seed(changed, now, sandboxes)
	if uid.UID == "" {
		return StaticPod{}, uid.Reason, false
	}
	return StaticPod{Pod: m.pod(), UID: uid.UID, Digest: m.digest()}, uid.Reason, true
}
