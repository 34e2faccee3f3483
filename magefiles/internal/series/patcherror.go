package series

import (
	"errors"
	"fmt"
)

// A patch that can't be part of a series is refused for one of these reasons,
// which errors.Is finds in a *PatchError.
var (
	ErrEmpty     = errors.New("patch is empty")
	ErrNoTitle   = errors.New("patch has no title")
	ErrBinary    = errors.New("patch is binary")
	ErrCRLF      = errors.New("patch has CRLF line endings")
	ErrPath      = errors.New("patch names a path it must not touch")
	ErrMode      = errors.New("patch makes something other than a plain file")
	ErrCopy      = errors.New("patch copies a file")
	ErrMalformed = errors.New("patch is not git format-patch text")
)

// PatchError says why a patch was refused when the series was loaded.
type PatchError struct {
	// File is the patch's file name.
	File string
	// Reason is a sentence for people, with the remedy where there is one.
	Reason string
	kind   error
}

func (e *PatchError) Error() string { return fmt.Sprintf("%s: %v: %s", e.File, e.kind, e.Reason) }

// Unwrap returns the Err… variable that classifies the refusal.
func (e *PatchError) Unwrap() error { return e.kind }
