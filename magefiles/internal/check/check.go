package check

import (
	"errors"
	"fmt"

	"github.com/steadylet/steadylet/magefiles/internal/hookcheck"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/roottree"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/serieslock"
)

// State is what became of one patch on one tag.
type State string

const (
	// Clean: every hunk lies at the line that the patch names.
	Clean State = "clean"
	// Offset: every hunk was found, some at another line.
	Offset State = "offset"
	// Conflict: a hunk was not found in exactly one place.
	Conflict State = "conflict"
)

// Patch is what became of one patch.
type Patch struct {
	File  string `json:"file"`
	Slot  string `json:"slot"`
	State State  `json:"state"`
	// Offset is the largest distance, in lines, of a hunk from where the patch names it.
	Offset int                `json:"offset,omitempty"`
	Hunks  []series.Placement `json:"hunks,omitempty"`
}

// Row is one series on one tag.
type Row struct {
	Series    string          `json:"series"`
	Version   kubever.Version `json:"version"`
	Selection Selection       `json:"selection"`
	Patches   []Patch         `json:"patches,omitempty"`
	// Conflicts are all hunks that don't apply, Hooks all assertions that don't hold.
	Conflicts []series.Conflict   `json:"conflicts,omitempty"`
	Hooks     []hookcheck.Failure `json:"hooks,omitempty"`
	Drift     []serieslock.Drift  `json:"drift,omitempty"`
	// Edited says that a patch is not the recorded one, so that trees are not compared.
	Edited bool `json:"edited,omitempty"`
	// Unavailable says what of the tag's sources could not be had.
	Unavailable string `json:"unavailable,omitempty"`
	// Found is what would be recorded; it is set where everything applies.
	Found *serieslock.Version `json:"-"`
}

// Passed reports whether nothing is wrong. A refusal is an answer, not a fault.
func (r Row) Passed() bool {
	return len(r.Conflicts) == 0 && len(r.Hooks) == 0 && len(r.Drift) == 0 && r.Unavailable == ""
}

// namesOfMoved bounds the places that are named for a file that was moved: of some names
// there are hundreds.
const namesOfMoved = 3

// Apply tries the selected patches on a tag's tree and checks the hooks. An error means
// that the tree could not be read.
func Apply(s *series.Series, version kubever.Version, selection Selection, tree *roottree.Tree) (Row, error) {
	row := Row{Series: s.Name, Version: version, Selection: selection}
	result, conflicts, err := series.Try(tree, selection.patches)
	if err != nil {
		return row, err
	}
	for i, conflict := range conflicts {
		if conflict.Reason != series.ReasonFileMissing || conflict.AfterFailure {
			continue
		}
		if conflicts[i].MovedTo, err = tree.Where(conflict.File, namesOfMoved); err != nil {
			return row, err
		}
	}
	row.Conflicts = conflicts
	row.Patches = states(s, result, conflicts)
	if len(conflicts) > 0 {
		row.failClosed()
		return row, nil
	}
	var missing *hookcheck.Error
	if err := hookcheck.Check(result, s.AssertionsFor(version)); errors.As(err, &missing) {
		row.Hooks = missing.Failures
		row.failClosed()
		return row, nil
	} else if err != nil {
		return row, err
	}
	after, err := tree.After(result)
	if err != nil {
		return row, err
	}
	row.Found = &serieslock.Version{Version: version, Source: tree.ID.String()}
	for i, id := range after {
		row.Found.After = append(row.Found.After, serieslock.After{File: selection.Files[i], Tree: id.String()})
	}
	return row, nil
}

// failClosed refuses a tag whose inherited patches are not proven on it.
func (r *Row) failClosed() {
	if r.Selection.Kind == Inherited {
		r.Selection.Kind = Refused
		r.Selection.Reason += ", but they are not proven on this tag"
	}
}

// Compare fills in how a row differs from what is recorded. A tag that inherits is not
// recorded, so its patches are compared, not its trees.
func (r *Row) Compare(recorded *serieslock.Lock, edited func(file string) bool) {
	if r.Selection.Kind == Exact && r.Found != nil {
		r.Drift = recorded.CompareVersion(*r.Found, edited)
	}
	for _, file := range r.Selection.Files {
		r.Edited = r.Edited || edited(file)
		if r.Selection.Kind == Inherited && edited(file) {
			r.Selection.Kind = Refused
			r.Selection.Reason += fmt.Sprintf(", but %s was edited since", file)
		}
	}
}

func states(s *series.Series, result *series.Result, conflicts []series.Conflict) []Patch {
	failed := map[string]bool{}
	for _, conflict := range conflicts {
		failed[conflict.Patch] = true
	}
	var patches []Patch
	for _, applied := range result.Patches {
		patch := Patch{File: applied.Patch.File, Slot: slotOf(s, applied.Patch), State: Clean, Hunks: applied.Hunks}
		for _, hunk := range applied.Hunks {
			if max(hunk.Offset, -hunk.Offset) > max(patch.Offset, -patch.Offset) {
				patch.Offset, patch.State = hunk.Offset, Offset
			}
		}
		if failed[patch.File] {
			patch.State = Conflict
		}
		patches = append(patches, patch)
	}
	return patches
}

func slotOf(s *series.Series, patch *series.Patch) string {
	for _, entry := range s.Entries {
		if entry.Patch == patch {
			return entry.Slot
		}
	}
	return patch.File
}
