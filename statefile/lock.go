package statefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockPatience is how long somebody else may still have the state folder: a kubelet
// that is about to end, or a program that looks at the lock.
const lockPatience = 2 * time.Second

// lockFolder makes this process the one that writes to the state folder. The lock
// ends with the returned file, and so with the process. The error matches ErrInUse
// if another process has it and keeps it.
func lockFolder(folder string) (*os.File, error) {
	path := filepath.Join(folder, "lock")
	// Non-blocking, as for the state file itself.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, fileMode)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", folder, err)
	}
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(lockPatience / 40) {
		err = flock(file, syscall.LOCK_EX)
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(deadline) {
			break
		}
	}
	if err == nil {
		return file, nil
	}
	file.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("locking %s: %w: end it, or give each its own root directory", folder, ErrInUse)
	}
	return nil, fmt.Errorf("locking %s: %w", folder, err)
}

// flock asks once for a lock of the given kind, and does not wait for it.
func flock(file *os.File, kind int) error {
	for {
		err := syscall.Flock(int(file.Fd()), kind|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
