//go:build !arm
// +build !arm

package statefile

import (
	"errors"
	"os"
	"syscall"
)

// syncFileRangeWrite is SYNC_FILE_RANGE_WRITE of sync_file_range(2).
const syncFileRangeWrite = 2

// startWriting has the disk begin with what was written to a file, so that the sync that
// follows has less to wait for. Its error may be the only word of a content that is lost:
// where ext4 finds no block for it, it drops the content, says so to whoever has the writing
// begin, and the sync has nothing left to fail for. That the call itself is not there, or
// not allowed, is no error.
func startWriting(file *os.File) error {
	err := syscall.SyncFileRange(int(file.Fd()), 0, 0, syncFileRangeWrite)
	for _, no := range []error{syscall.ENOSYS, syscall.EPERM, syscall.EACCES, syscall.EINVAL, syscall.EOPNOTSUPP, syscall.ESPIPE} {
		if errors.Is(err, no) {
			return nil
		}
	}
	return os.NewSyscallError("sync_file_range", err)
}
