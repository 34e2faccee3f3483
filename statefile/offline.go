package statefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// SetAside renames a damaged state file as Open does, and returns its new path. The error
// is that of the file system. Nothing is removed.
func SetAside(path string, now time.Time) (string, error) {
	aside := asidePath(path, now)
	return aside, os.Rename(path, aside)
}

// InUse returns an error that matches ErrInUse while a kubelet has the state folder
// of path; any other error is that of the file system, and says that there is no telling.
// It makes nothing, and lets go of the lock before it returns: a kubelet that starts
// meanwhile asks for the lock again for two seconds before it behaves as stock.
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
	err = flock(file, syscall.LOCK_SH)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%s: %w", folder, ErrInUse)
	}
	if err != nil {
		return fmt.Errorf("looking at the lock of %s: %w", folder, err)
	}
	return nil
}

// Seed returns what a kubelet that finds no state would record for a static pod
// that runs already, and why: see Recorder.StaticPodUID. changed is what ChangedAt says,
// now is the time of the call; m.Generated does not count. Where it would go by the UID
// that it makes up itself, ok is false and the reason says why.
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
