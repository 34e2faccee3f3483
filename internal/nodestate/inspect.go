// Package nodestate looks after the state file of a node from outside the kubelet:
// it shows, verifies, repairs and generates it.
//
// # Guarantee
//
// Nothing is written while a patched kubelet has the state folder, through a link, or
// over a good file unless its caller says so. A damaged file is kept beside the new
// one. When a write fails, what was there before is there again.
package nodestate

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/steadylet/steadylet/statefile"
)

// Condition is what a state file is like.
type Condition string

// What a state file can be like. Unreadable is one that says nothing about itself:
// the disk or the caller's rights are in the way.
const (
	Whole      Condition = "whole"
	Missing    Condition = "missing"
	Damaged    Condition = "damaged"
	Future     Condition = "of a later release"
	Unreadable Condition = "unreadable"
)

// File is one file as it was found.
type File struct {
	Path      string
	Condition Condition
	// State is the content of a whole file, Err what is wrong with any other.
	State statefile.State
	Err   error
}

// Inspection is what lies in a state folder.
type Inspection struct {
	Current, Previous File
}

// Inspect looks at the state file at path and at its previous copy. It changes
// nothing.
func Inspect(path string) Inspection {
	if err := statefile.CheckFolder(filepath.Dir(path)); err != nil {
		file := File{Path: path, Condition: Unreadable, Err: fmt.Errorf("looking at the state folder: %w", err)}
		return Inspection{Current: file, Previous: file}
	}
	return Inspection{Current: inspectFile(path), Previous: inspectFile(statefile.PreviousPath(path))}
}

func inspectFile(path string) File {
	state, err := statefile.Load(path)
	return File{Path: path, Condition: conditionOf(err), State: state, Err: err}
}

func conditionOf(err error) Condition {
	switch {
	case err == nil:
		return Whole
	case errors.Is(err, statefile.ErrMissing):
		return Missing
	case errors.Is(err, statefile.ErrFutureSchema):
		return Future
	case statefile.IsDamage(err):
		return Damaged
	}
	return Unreadable
}

// Remedy says what to do about the file, or nothing when it is whole.
func (i Inspection) Remedy() string {
	switch i.Current.Condition {
	case Whole:
		return ""
	case Future:
		return "use the steadylet of the release that wrote it; this one leaves it alone"
	case Unreadable:
		switch {
		case errors.Is(i.Current.Err, statefile.ErrNotRegular):
			return "remove it, and make a folder with mode 0700 in its place: a link is not followed"
		case errors.Is(i.Current.Err, statefile.ErrOwner):
			return "give it to the kubelet's user, or run steadylet as that"
		}
		return "run steadylet as the kubelet's user, and see whether the disk works"
	}
	if i.Previous.Condition == Whole {
		return "steadylet state repair takes its previous copy, which is whole"
	}
	if i.Current.Condition == Missing {
		return "steadylet state generate writes one; a patched kubelet makes one when it starts"
	}
	return "steadylet state repair keeps the damaged file and generates a new one"
}

// Check returns nil for a whole file, and else what is wrong and what to do. The
// error matches what statefile.Load returned.
func (i Inspection) Check() error {
	if i.Current.Condition == Whole {
		return nil
	}
	return fmt.Errorf("%w: %s", i.Current.Err, i.Remedy())
}
