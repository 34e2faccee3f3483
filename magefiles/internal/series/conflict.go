package series

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrConflict matches every *ConflictError.
var ErrConflict = errors.New("patches do not apply")

// Reason says why a hunk, or a whole file's change, does not apply.
type Reason string

// The reasons of a Conflict.
const (
	// ReasonFileMissing: the file to change, delete or rename is not there.
	ReasonFileMissing Reason = "file missing"
	// ReasonFileExists: the file to create, or to rename to, is already there.
	ReasonFileExists Reason = "file exists"
	// ReasonNotEmpty: the patch deletes an empty file, and the file has content.
	ReasonNotEmpty Reason = "file not empty"
	// ReasonNotFound: the lines that the hunk replaces are nowhere in the file.
	ReasonNotFound Reason = "pre-image not found"
	// ReasonSeveral: they are there more than once.
	ReasonSeveral Reason = "several places"
	// ReasonApplied: they are not there, but what the hunk makes of them is.
	ReasonApplied Reason = "already applied"
	// ReasonOverlap: an earlier hunk of the patch changes the same lines.
	ReasonOverlap Reason = "overlaps an earlier hunk"
	// ReasonOrder: the hunk lies above an earlier hunk of the patch.
	ReasonOrder Reason = "above an earlier hunk"
)

// Conflict is one hunk that does not apply. Lines are counted from 1.
type Conflict struct {
	// Patch is the patch's file name, File the path in the tree.
	Patch string `json:"patch"`
	File  string `json:"file"`
	// Hunk is the hunk's number in that file, from 1; 0 is the whole file.
	Hunk int `json:"hunk"`
	// Wanted is the line that the patch names; 0 for the whole file.
	Wanted int    `json:"wanted"`
	Reason Reason `json:"reason"`
	// Nearest is the line of the best match, or 0 when nothing is alike. For
	// reasons other than ReasonNotFound the match is complete.
	Nearest int `json:"nearest,omitempty"`
	// Heading is what the patch says after the numbers of the hunk, where nothing is
	// alike: as a rule the function that the hunk is in. HeadingAt is the line where
	// that begins in the file, or 0 where the file has it no longer.
	Heading   string `json:"heading,omitempty"`
	HeadingAt int    `json:"headingAt,omitempty"`
	// Candidates are all the lines where the hunk fits, for ReasonSeveral.
	Candidates []int `json:"candidates,omitempty"`
	// Difference compares the expected lines ("-") with those at Nearest ("+").
	Difference []string `json:"difference,omitempty"`
	// MovedTo are files of the missing one's name, the nearest folder first, where
	// whoever applied the patch looked for them.
	MovedTo []string `json:"movedTo,omitempty"`
	// AfterFailure tells that an earlier patch failed in the same file, so that
	// this may be no more than its consequence.
	AfterFailure bool `json:"afterFailure,omitempty"`
}

// String returns the conflict in one line.
func (c Conflict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", c.Patch, c.File)
	if c.Hunk > 0 {
		fmt.Fprintf(&b, ", hunk %d, wanted at line %d", c.Hunk, c.Wanted)
	}
	fmt.Fprintf(&b, ": %s", c.Reason)
	switch {
	case len(c.Candidates) > 0:
		fmt.Fprintf(&b, " (lines %s)", strings.Trim(fmt.Sprint(c.Candidates), "[]"))
	case len(c.MovedTo) > 0:
		fmt.Fprintf(&b, " (of that name: %s)", strings.Join(c.MovedTo, ", "))
	case c.Reason == ReasonNotFound && c.Nearest == 0:
		fmt.Fprintf(&b, " (nothing of this hunk is in the file%s)", c.heading())
	case c.Reason == ReasonNotFound:
		fmt.Fprintf(&b, " (nearest match at line %d)", c.Nearest)
	case c.Nearest > 0:
		fmt.Fprintf(&b, " (at line %d)", c.Nearest)
	}
	if c.AfterFailure {
		b.WriteString(", perhaps because an earlier patch failed in this file")
	}
	return b.String()
}

// heading says where to look for a hunk of which nothing is in the file.
func (c Conflict) heading() string {
	switch {
	case c.Heading == "":
		return ""
	case c.HeadingAt == 0:
		return fmt.Sprintf(", and neither is its heading, %q", c.Heading)
	}
	return fmt.Sprintf("; its heading, %q, is at line %d", c.Heading, c.HeadingAt)
}

// ConflictError lists every hunk of every patch that does not apply. It is
// marshalled to JSON as {"conflicts": […]}.
type ConflictError struct {
	Conflicts []Conflict `json:"conflicts"`
}

func (e *ConflictError) Error() string {
	if len(e.Conflicts) == 1 {
		return fmt.Sprintf("%v: %s", ErrConflict, e.Conflicts[0])
	}
	return fmt.Sprintf("%v: %d conflicts, the first in %s", ErrConflict, len(e.Conflicts), e.Conflicts[0])
}

// Is makes errors.Is(err, ErrConflict) hold.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// Report writes every conflict with its difference, and what to do, for people.
func (e *ConflictError) Report(w io.Writer) error {
	var b strings.Builder
	legend := ""
	for _, c := range e.Conflicts {
		fmt.Fprintln(&b, c)
		for _, line := range c.Difference {
			fmt.Fprintf(&b, "    %s\n", line)
			legend = "In the listings \"-\" is what the patch expects, \"+\" what the source has.\n"
		}
	}
	fmt.Fprintf(&b, "\n%sConflicts: %d. Nothing was changed. Correct the patch, or list a variant of it for\n"+
		"this version in %s: same slot, its own versions.\n", legend, len(e.Conflicts), IndexFile)
	_, err := io.WriteString(w, b.String())
	return err
}
