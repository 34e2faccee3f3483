package statefile

import "syscall"

// Owner is who runs this.
func Owner() int { return syscall.Getuid() }
