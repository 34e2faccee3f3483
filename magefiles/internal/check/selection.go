// Package check holds patch series against Kubernetes tags without building anything:
// which patches are selected, whether they apply, whether their hooks take effect, and
// whether all that is what was recorded.
//
// Selection fails closed: a tag is served by what was recorded for it, or by what was
// recorded for another patch release of its minor version and is proven on the tag
// itself, or not at all.
//
// Everything here is pure, given a tag's files, and safe for concurrent use.
package check

import (
	"errors"
	"fmt"
	"slices"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/serieslock"
)

// Kind says on what ground a tag gets its patches.
type Kind string

const (
	// Exact: the tag is recorded.
	Exact Kind = "exact"
	// Inherited: a recorded patch release of the same minor version gets the same
	// patches. It counts only together with the proof on the tag's own files: every
	// pre-image lies there in exactly one place, byte for byte, and every hook holds.
	Inherited Kind = "inherited"
	// Refused: neither.
	Refused Kind = "refused"
)

// Selection is which patches a tag gets, and why.
type Selection struct {
	Kind Kind `json:"kind"`
	// From is the recorded tag whose patches are inherited.
	From *kubever.Version `json:"from,omitempty"`
	// Reason says in words why there is no other answer.
	Reason string `json:"reason"`
	// Files are the patches in the order in which they are applied.
	Files   []string `json:"files,omitempty"`
	patches []*series.Patch
}

// Select chooses the patches of a series for a tag. listed says that the tag is in the
// lock of Kubernetes, so that it has to be recorded for the series too.
func Select(s *series.Series, version kubever.Version, listed bool, recorded *serieslock.Lock) Selection {
	patches, err := s.Select(version, false)
	if err != nil {
		reason := err.Error()
		var outside *series.RangeError
		if errors.As(err, &outside) {
			reason = outside.Problem() // what to do about it is for who builds
		}
		return Selection{Kind: Refused, Reason: reason}
	}
	selection := Selection{patches: patches}
	for _, patch := range patches {
		selection.Files = append(selection.Files, patch.File)
	}
	if listed {
		selection.Kind, selection.Reason = Exact, fmt.Sprintf("%s is in the lock", version)
		return selection
	}
	from, found := neighbour(version, selection.Files, recorded)
	if !found {
		return Selection{Kind: Refused, Reason: fmt.Sprintf(
			"%s is in the ranges of series %s, but no tag of %d.%d is recorded with the same patches: add one with `go tool mage lock -version=%[1]s`",
			version, s.Name, version.Major, version.Minor)}
	}
	selection.Kind, selection.From = Inherited, &from
	selection.Reason = fmt.Sprintf("%s is not in the lock; %s is recorded with the same patches", version, from)
	return selection
}

// Nearest chooses for a tag that is refused the patches that are made for the nearest
// tags, so that they can be tried on it. It stays refused.
func Nearest(s *series.Series, version kubever.Version) (Selection, error) {
	patches, err := s.Select(version, true)
	if err != nil {
		return Selection{}, err
	}
	selection := Selection{Kind: Refused, Reason: fmt.Sprintf("%s is outside the ranges of series %s", version, s.Name), patches: patches}
	for _, patch := range patches {
		selection.Files = append(selection.Files, patch.File)
	}
	return selection, nil
}

// neighbour returns the recorded patch release nearest to a tag, of those that have the
// same patches; of two as near, the newer.
func neighbour(version kubever.Version, files []string, recorded *serieslock.Lock) (nearest kubever.Version, found bool) {
	for _, candidate := range recorded.Versions {
		v := candidate.Version
		if v.Major != version.Major || v.Minor != version.Minor || !slices.Equal(files, candidate.Files()) {
			continue
		}
		if !found || distance(v, version) <= distance(nearest, version) {
			nearest, found = v, true
		}
	}
	return nearest, found
}

func distance(a, b kubever.Version) int { return max(a.Patch-b.Patch, b.Patch-a.Patch) }

// Paths returns every path that the selected patches read or write.
func (s Selection) Paths() []string {
	var paths []string
	for _, patch := range s.patches {
		paths = append(paths, patch.Paths()...)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
