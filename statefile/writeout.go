//go:build !arm
// +build !arm

package statefile

import (
	"os"
	"syscall"
)

// syncFileRangeWrite is SYNC_FILE_RANGE_WRITE of sync_file_range(2).
const syncFileRangeWrite = 2

// startWriting has the disk begin with what was written to a file, so that the sync that
// follows has less to wait for. Where it can't be done, the sync does all of it; that has
// the errors of the disk in any case.
func startWriting(file *os.File) {
	_ = syscall.SyncFileRange(int(file.Fd()), 0, 0, syncFileRangeWrite)
}
