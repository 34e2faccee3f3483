package impact

import (
	"slices"
	"strings"
)

// Kind says what became of a field.
type Kind string

// The kinds of change. Renamed has another name in JSON or in Go, and the same place
// and type; Changed has another type, or is left out in other cases; Moved has
// another place among its neighbours.
const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Renamed Kind = "renamed"
	Changed Kind = "changed"
	Moved   Kind = "moved"
)

// Change is a field that differs between two schemas. Fields below one that came or
// went are not listed.
type Change struct {
	Kind Kind   `json:"kind"`
	Was  *Shape `json:"was,omitempty"`
	Is   *Shape `json:"is,omitempty"`
	// Defaulted says whether the API server of the side that has the field fills it
	// in: "no", "yes", "with GATE", or Unknown.
	Defaulted string `json:"defaulted,omitempty"`
	// Silent says that what is hashed is the same text nonetheless.
	Silent bool `json:"silent,omitempty"`
}

// Shape is the later one that there is.
func (c Change) Shape() *Shape {
	if c.Is != nil {
		return c.Is
	}
	return c.Was
}

// compare lists what differs between two lists of shapes. silent tells of a field that
// is in both whether its text is the same.
func compare(before, after []Shape, silent func(was, is Shape) bool) []Change {
	old, now := byPath(before), byPath(after)
	var changes []Change
	for _, was := range before {
		if _, stays := now[was.Path]; !stays && topmost(was, now) {
			changes = append(changes, Change{Kind: Removed, Was: &was})
		}
	}
	for _, is := range after {
		was, stayed := old[is.Path]
		switch {
		case !stayed && topmost(is, old):
			changes = append(changes, Change{Kind: Added, Is: &is})
		case stayed && was.Go != is.Go:
			changes = append(changes, Change{Kind: Renamed, Was: &was, Is: &is, Silent: silent(was, is)})
		case stayed && (was.Type != is.Type || was.form != is.form || was.OmitEmpty != is.OmitEmpty || was.OmitZero != is.OmitZero):
			changes = append(changes, Change{Kind: Changed, Was: &was, Is: &is, Silent: silent(was, is)})
		}
	}
	return append(pairRenamed(changes), moved(before, after, old, now)...)
}

func byPath(shapes []Shape) map[string]Shape {
	found := make(map[string]Shape, len(shapes))
	for _, shape := range shapes {
		found[shape.Path] = shape
	}
	return found
}

// topmost reports whether the other side has what the field lies in.
func topmost(shape Shape, other map[string]Shape) bool {
	holder := strings.TrimRight(shape.parent, "*[]{}")
	_, there := other[holder]
	return holder == "" || there
}

// pairRenamed makes one change of a field that went and one that came, where both are
// of the same struct and type, and have the same Go name or the same place in it.
func pairRenamed(changes []Change) []Change {
	var paired []Change
	gone := map[int]bool{}
	for i, c := range changes {
		if c.Kind != Added {
			continue
		}
		var candidates []int
		for j, other := range changes {
			if other.Kind == Removed && !gone[j] && other.Was.parent == c.Is.parent && other.Was.form == c.Is.form &&
				(other.Was.Go == c.Is.Go || other.Was.index == c.Is.index && other.Was.Type == c.Is.Type) {
				candidates = append(candidates, j)
			}
		}
		if len(candidates) == 1 {
			gone[candidates[0]] = true
			changes[i] = Change{Kind: Renamed, Was: changes[candidates[0]].Was, Is: c.Is}
		}
	}
	for i, c := range changes {
		if !gone[i] {
			paired = append(paired, c)
		}
	}
	return paired
}

// moved lists the first field of each struct whose place among those that stayed is
// another one.
func moved(before, after []Shape, old, now map[string]Shape) (changes []Change) {
	order := func(shapes []Shape, other map[string]Shape) map[string][]string {
		found := map[string][]string{}
		for _, shape := range shapes {
			if _, common := other[shape.Path]; common {
				found[shape.parent] = append(found[shape.parent], shape.Path)
			}
		}
		return found
	}
	then, today := order(before, now), order(after, old)
	parents := make([]string, 0, len(then))
	for parent := range then {
		parents = append(parents, parent)
	}
	slices.Sort(parents)
	for _, parent := range parents {
		for i, path := range then[parent] {
			if i >= len(today[parent]) || today[parent][i] != path {
				was, is := old[path], now[path]
				changes = append(changes, Change{Kind: Moved, Was: &was, Is: &is})
				break
			}
		}
	}
	return changes
}

// containerChanges compares the JSON of v1.Container.
func containerChanges(from, to *Facts) []Change {
	if from.Container == nil || to.Container == nil {
		return nil
	}
	changes := compare(from.Container.encoded(), to.Container.encoded(), func(was, is Shape) bool {
		return was.form == is.form && was.OmitEmpty == is.OmitEmpty && was.OmitZero == is.OmitZero
	})
	for i, c := range changes {
		side := to
		if c.Is == nil {
			side = from
		}
		changes[i].Defaulted = side.defaulted(*c.Shape())
	}
	return changes
}

// defaulted says in words how the API server fills a field in.
func (f *Facts) defaulted(shape Shape) string {
	found, known := f.defaultOf(shape.owner, shape.Go)
	switch {
	case !known:
		return Unknown
	case len(found) == 0:
		return "no"
	case len(found[0].Gates)+len(found[0].Unless) == 0: // those without gates come first
		return "yes"
	}
	text := "with " + strings.Join(found[0].Gates, ", ")
	if len(found[0].Unless) > 0 {
		text += " and without " + strings.Join(found[0].Unless, ", ")
	}
	return text
}

// podChanges compares the dump of the internal Pod. (Names of types are in it too.)
func podChanges(from, to *Facts) []Change {
	if from.Pod == nil || to.Pod == nil {
		return nil
	}
	return compare(from.Pod.dumped(from.inEveryPod()), to.Pod.dumped(to.inEveryPod()), func(Shape, Shape) bool { return false })
}
