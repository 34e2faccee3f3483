package export

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/series"
)

// ErrHomeless is matched by the error for an edit that belongs to no patch.
var ErrHomeless = errors.New("an edit belongs to no patch")

// Fold puts edits that are not committed into the commits they belong to: each into the
// last one that changes the same file, or all of them into commit number into, counted
// from 1. A file that a later commit changes again can't be folded. The commits are not
// changed; new ones are returned.
func Fold(commits []series.Draft, edits []series.FileChange, into int) ([]series.Draft, error) {
	folded := slices.Clone(commits)
	for _, edit := range edits {
		last := lastWith(folded, edit.Path)
		at := last
		if into > 0 {
			at = into - 1
		}
		switch {
		case at < 0:
			return nil, fmt.Errorf("%w: no patch changes %s; name the patch that shall with -into=NUMBER", ErrHomeless, edit.Path)
		case at >= len(folded):
			return nil, fmt.Errorf("%w: there is no patch %d, only %d of them", ErrHomeless, into, len(folded))
		case at < last:
			return nil, fmt.Errorf("%w: patch %d changes %s after patch %d; edit it there", ErrHomeless, last+1, edit.Path, into)
		}
		folded[at].Files = fold(folded[at].Files, edit)
	}
	return folded, nil
}

func lastWith(commits []series.Draft, path string) int {
	for i, commit := range slices.Backward(commits) {
		if slices.ContainsFunc(commit.Files, func(c series.FileChange) bool { return c.Path == path }) {
			return i
		}
	}
	return -1
}

// fold makes one change of two. What comes back to where it began is no change.
func fold(files []series.FileChange, edit series.FileChange) []series.FileChange {
	merged := edit
	var others []series.FileChange
	for _, file := range files {
		if file.Path == edit.Path {
			merged.Old = file.Old
		} else {
			others = append(others, file)
		}
	}
	if !series.SameFile(merged.Old, merged.New) {
		others = append(others, merged)
	}
	slices.SortFunc(others, func(a, b series.FileChange) int { return strings.Compare(a.Path, b.Path) })
	return others
}
