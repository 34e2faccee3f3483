package export

import (
	"errors"
	"fmt"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/series"
)

// MatchError says that the commits are not the patches of a series, one each and in their
// order.
type MatchError struct {
	Series string
	// Tag is what the commits are on.
	Tag kubever.Version
	// Missing are the patches that no commit is, Extra the commits that are no patch.
	// Where there are neither, the order is another one.
	Missing []*series.Patch
	Extra   []series.Draft
}

func (e *MatchError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "the commits on %s are not the patches of series %s: each patch is one commit, in the order of %s", e.Tag, e.Series, series.IndexFile)
	for _, patch := range e.Missing {
		fmt.Fprintf(&text, "\n  no commit is %s (%s)", patch.File, patch.Title)
	}
	for _, commit := range e.Extra {
		fmt.Fprintf(&text, "\n  no patch is commit %d (%s)", commit.Number, commit.Title)
	}
	fmt.Fprintf(&text, "\nCorrect the commits with `git rebase -i %s`.", e.Tag)
	if len(e.Missing) > 0 {
		fmt.Fprintf(&text, " A series can't leave a patch out for one version: where %s does not need it, end the ranges of the series before %[1]s.", e.Tag)
	}
	if len(e.Extra) > 0 {
		fmt.Fprintf(&text, " A new patch is added by hand, as a file that %s lists.", series.IndexFile)
	}
	return text.String()
}

// ErrMarks is matched by the error for a commit with a conflict that was not resolved.
var ErrMarks = errors.New("conflicts are still marked")

// match reports with a *MatchError that commit number i is not patch number i, and with
// ErrMarks that a commit has the marks of a conflict. A commit is known by its title; one
// whose title is new is the patch in its place.
func match(name string, tag kubever.Version, patches []*series.Patch, commits []series.Draft) error {
	for _, commit := range commits {
		for _, file := range commit.Files {
			if hasMarks(file.New) && !hasMarks(file.Old) {
				return fmt.Errorf("%w in %s, of commit %d (%s): edit them away first", ErrMarks, file.Path, commit.Number, commit.Title)
			}
		}
	}
	place, taken := places(patches, commits)
	inOrder := len(patches) == len(commits)
	wrong := &MatchError{Series: name, Tag: tag}
	for i, patch := range patches {
		if place[i] < 0 {
			wrong.Missing = append(wrong.Missing, patch)
		} else if place[i] != i {
			inOrder = false
		}
	}
	for i, commit := range commits {
		if !taken[i] {
			wrong.Extra = append(wrong.Extra, commit)
		}
	}
	if inOrder {
		return nil
	}
	return wrong
}

// places finds the commit with the title of each patch, or -1; of several, that in the same
// place. taken are the commits that were found.
func places(patches []*series.Patch, commits []series.Draft) (place []int, taken []bool) {
	place, taken = make([]int, len(patches)), make([]bool, len(commits))
	for i, patch := range patches {
		place[i] = -1
		if i < len(commits) && commits[i].Title == patch.Title {
			place[i], taken[i] = i, true
		}
	}
	for i, patch := range patches {
		for j, commit := range commits {
			if place[i] < 0 && !taken[j] && commit.Title == patch.Title {
				place[i], taken[j] = j, true
			}
		}
	}
	return place, taken
}

// hasMarks reports whether a file has the lines that git writes around a conflict.
func hasMarks(file *series.File) bool {
	if file == nil {
		return false
	}
	for line := range strings.Lines(string(file.Data)) {
		if strings.HasPrefix(line, "<<<<<<< ") || strings.HasPrefix(line, ">>>>>>> ") {
			return true
		}
	}
	return false
}
