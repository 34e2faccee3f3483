// Package programtest writes the programs that tests make up.
package programtest

import (
	"os"
	"syscall"
)

// Write writes a program that its owner may execute. Nothing is forked meanwhile: a child of a
// test beside this one would have the file open for writing until it executes its own program,
// and the kernel executes none that somebody may write (ETXTBSY). It is safe for concurrent use.
func Write(path, text string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, []byte(text), 0o700)
}
