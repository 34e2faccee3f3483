package statefile

import "os"

// startWriting does nothing: package syscall has no SyncFileRange for arm.
func startWriting(*os.File) error { return nil }
