package statefile

import "golang.org/x/sys/windows"

var _ windows.Handle
