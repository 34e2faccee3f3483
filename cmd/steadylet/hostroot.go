package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// enterHost changes the root of this process to where a container has the host's
// mounted, so that every path, link and socket is the host's own from then on. Nothing
// leads back.
func (a app) enterHost(root string) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(root, "proc", "1", "stat")); err != nil {
		return fmt.Errorf("%s is no host's root: %w: mount the host's / there, with what is mounted below it", root, err)
	}
	if err := syscall.Chroot(root); err != nil {
		if errors.Is(err, syscall.EPERM) {
			err = fmt.Errorf("%w: it takes the capability SYS_CHROOT", err)
		}
		return fmt.Errorf("changing the root to %s: %w", root, err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	a.proc.OfHost = true
	return nil
}
