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
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		busy := errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.EWOULDBLOCK)
		if !busy || time.Now().After(deadline) {
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
