package serieslock

import (
	"errors"
	"fmt"
	"slices"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

var (
	// ErrDrift is matched by the error for a series in which a Drift was found.
	ErrDrift = errors.New("the series is not what its lock recorded")
	// ErrNotRecorded is matched too where a patch or a tag is not recorded at all.
	ErrNotRecorded = errors.New("the series' lock does not have it")
)

// Drift is one difference between what is and what was recorded.
type Drift struct {
	// Version is nil where it is the same for all tags.
	Version *kubever.Version `json:"version,omitempty"`
	// Patch is the patch's file name; empty where the difference lies before the first.
	Patch string `json:"patch,omitempty"`
	// What says what differs, in words.
	What string `json:"what"`
	// Want was recorded, Got is found. Either may be empty: there is none.
	Want string `json:"want,omitempty"`
	Got  string `json:"got,omitempty"`
	// Unrecorded says that nothing was recorded to compare with.
	Unrecorded bool `json:"unrecorded,omitempty"`
}

// String returns the difference in one line.
func (d Drift) String() string {
	text := ""
	if d.Version != nil {
		text = d.Version.String() + ": "
	}
	if d.Patch != "" {
		text += d.Patch + ": "
	}
	text += d.What
	if d.Want != "" {
		text += ", recorded " + d.Want
	}
	if d.Got != "" {
		text += ", found " + d.Got
	}
	return text
}

// ComparePatches finds what differs in the patches of a series, whatever the tag. A
// patch that was edited, added or removed is named once.
func (l *Lock) ComparePatches(found []Patch) []Drift {
	drifts := l.CompareSelected(found)
	for _, recorded := range l.Patches {
		if !slices.ContainsFunc(found, func(p Patch) bool { return p.File == recorded.File }) {
			drifts = append(drifts, Drift{Patch: recorded.File, What: "the patch is gone", Want: recorded.SHA256})
		}
	}
	return drifts
}

// CompareSelected finds what differs in some patches of a series.
func (l *Lock) CompareSelected(found []Patch) []Drift {
	if len(l.Patches) == 0 {
		return []Drift{{What: "nothing of the series is recorded", Unrecorded: true}}
	}
	var drifts []Drift
	for _, patch := range found {
		switch recorded := l.digest(patch.File); recorded {
		case patch.SHA256:
		case "":
			drifts = append(drifts, Drift{Patch: patch.File, What: "the patch is not recorded", Got: patch.SHA256, Unrecorded: true})
		default:
			drifts = append(drifts, Drift{Patch: patch.File, What: "the patch was edited", Want: recorded, Got: patch.SHA256})
		}
	}
	return drifts
}

func (l *Lock) digest(file string) string {
	for _, patch := range l.Patches {
		if patch.File == file {
			return patch.SHA256
		}
	}
	return ""
}

// CompareVersion finds the first thing that differs for one tag; what follows it in the
// series differs for that reason. edited tells the patches whose digest is not the
// recorded one, of which ComparePatches speaks already.
func (l *Lock) CompareVersion(found Version, edited func(file string) bool) []Drift {
	version := found.Version
	recorded, ok := l.Find(version)
	if !ok && len(l.Patches) == 0 {
		return nil // ComparePatches says that nothing is recorded
	}
	if !ok {
		return []Drift{{Version: &version, What: "the tag is not recorded: run go tool mage lock -version=" + version.String(), Unrecorded: true}}
	}
	if recorded.Source != found.Source {
		return []Drift{{Version: &version, What: "the tree before the first patch is another one", Want: recorded.Source, Got: found.Source}}
	}
	for i, after := range found.After {
		switch {
		case edited(after.File):
			return nil
		case i >= len(recorded.After):
			return []Drift{{Version: &version, Patch: after.File, What: "the patch is applied, and was not when the tag was recorded"}}
		case recorded.After[i].File != after.File:
			return []Drift{{Version: &version, Patch: after.File, What: "another patch is applied in this place", Want: recorded.After[i].File, Got: after.File}}
		case recorded.After[i].Tree != after.Tree:
			return []Drift{{Version: &version, Patch: after.File, What: "the tree after the patch is another one", Want: recorded.After[i].Tree, Got: after.Tree}}
		}
	}
	if len(recorded.After) > len(found.After) {
		gone := recorded.After[len(found.After)].File
		return []Drift{{Version: &version, Patch: gone, What: "the patch is not applied any more"}}
	}
	return nil
}

// Error says that there is drift, and what to do. It is ErrDrift.
type Error struct {
	Series string
	Drifts []Drift
}

func (e *Error) Error() string {
	return fmt.Sprintf("%v: series %s, %s (%d in all); if that was meant, record it with `go tool mage lock` and review the change of %s",
		ErrDrift, e.Series, e.Drifts[0], len(e.Drifts), FileName)
}

// Is makes errors.Is(err, ErrDrift) hold, and ErrNotRecorded where a Drift is Unrecorded.
func (e *Error) Is(target error) bool {
	return target == ErrDrift ||
		target == ErrNotRecorded && slices.ContainsFunc(e.Drifts, func(d Drift) bool { return d.Unrecorded })
}
