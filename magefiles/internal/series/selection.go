package series

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/hookcheck"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// ErrRange matches every *RangeError.
var ErrRange = errors.New("version is outside the series")

// RangeError says that a series has no single answer for a version.
type RangeError struct {
	Series  string
	Version kubever.Version
	// Slots are the ones that no variant, or more than one, is made for.
	Slots []SlotProblem
}

// SlotProblem is one slot that a version does not choose one variant of.
type SlotProblem struct {
	Slot string
	// Matching are the variants whose ranges contain the version: none, or
	// several.
	Matching []Entry
	// Variants are all entries of the slot.
	Variants []Entry
}

func (e *RangeError) Error() string {
	remedy := "choose a version inside, or add -untested to try the nearest patches"
	for _, slot := range e.Slots {
		if len(slot.Matching) > 0 {
			remedy = "correct the ranges in " + IndexFile
		}
	}
	return e.Problem() + "; " + remedy
}

// Problem is the error without what to do about it.
func (e *RangeError) Problem() string {
	var problems []string
	for _, slot := range e.Slots {
		if len(slot.Matching) > 0 {
			problems = append(problems, "claimed more than once by "+describe(slot.Matching))
			continue
		}
		problems = append(problems, "outside "+describe(slot.Variants))
	}
	return fmt.Sprintf("series %s is not made for %s: it is %s", e.Series, e.Version, strings.Join(problems, ", and "))
}

// Is makes errors.Is(err, ErrRange) hold.
func (e *RangeError) Is(target error) bool { return target == ErrRange }

func describe(entries []Entry) string {
	texts := make([]string, len(entries))
	for i, e := range entries {
		texts[i] = fmt.Sprintf("%s (%s)", e.Patch.File, e.Versions)
	}
	return strings.Join(texts, ", ")
}

// Select returns the patches for v in the order in which they are applied. Each
// slot must have exactly one variant whose range contains v; otherwise the
// error is a *RangeError. With untested, a slot that has none gives the variant
// whose range is nearest; two that match are still refused.
func (s *Series) Select(v kubever.Version, untested bool) ([]*Patch, error) {
	var patches []*Patch
	var problems []SlotProblem
	for _, variants := range s.slots() {
		var matching []Entry
		for _, e := range variants {
			if e.Versions.Contains(v) {
				matching = append(matching, e)
			}
		}
		switch {
		case len(matching) == 1:
			patches = append(patches, matching[0].Patch)
		case len(matching) == 0 && untested:
			patches = append(patches, nearestVariant(v, variants).Patch)
		default:
			problems = append(problems, SlotProblem{variants[0].Slot, matching, variants})
		}
	}
	if len(problems) > 0 {
		return nil, &RangeError{s.Name, v, problems}
	}
	return patches, nil
}

// slots groups the entries, which Load has checked to be next to each other.
func (s *Series) slots() [][]Entry {
	var slots [][]Entry
	for i, e := range s.Entries {
		if i == 0 || s.Entries[i-1].Slot != e.Slot {
			slots = append(slots, nil)
		}
		last := len(slots) - 1
		slots[last] = append(slots[last], e)
	}
	return slots
}

// AssertionsFor returns the assertions that hold for v.
func (s *Series) AssertionsFor(v kubever.Version) []hookcheck.Assertion {
	var chosen []hookcheck.Assertion
	for _, assertion := range s.Assertions {
		if assertion.AppliesTo(v) {
			chosen = append(chosen, assertion)
		}
	}
	return chosen
}

// nearestVariant returns the entry with the bound closest to v; of two as
// close, the later one.
func nearestVariant(v kubever.Version, variants []Entry) Entry {
	nearest, best := variants[0], distance(v, variants[0].Versions)
	for _, e := range variants[1:] {
		if d := distance(v, e.Versions); d <= best {
			nearest, best = e, d
		}
	}
	return nearest
}

// distance returns how far v is from the closest bound of r.
func distance(v kubever.Version, r kubever.Range) int {
	closest := math.MaxInt
	for _, bound := range r.Bounds() {
		closest = min(closest, absolute(position(v)-position(bound)))
	}
	return closest
}

// position puts versions on a line, a minor release being further away than any
// patch release.
func position(v kubever.Version) int { return (v.Major*1000+v.Minor)*1000 + v.Patch }

func absolute(n int) int { return max(n, -n) }
