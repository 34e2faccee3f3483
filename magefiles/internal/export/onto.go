package export

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/renameio"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/series"
)

// ErrPerson is matched by the error for what is left to a person.
var ErrPerson = errors.New("this can't be done without a person")

// Rebased is a series that was brought from one tag to another, as commits.
type Rebased struct {
	Series *series.Series
	// Index is the text of its series.yaml.
	Index []byte
	// Patches are those of the tag that it comes from.
	Patches []*series.Patch
	// Commits are on the other tag, On.
	Commits []series.Draft
	On      Tag
	// Locked are the tags of the lock.
	Locked []kubever.Version
}

// Outcome is what a rebased series makes of the series.
type Outcome struct {
	// Patches are the patch files that are new or changed.
	Patches []Patch
	// Index is the new text of series.yaml.
	Index []byte
	// Notes say what changes, in words; none means that nothing does.
	Notes []string
}

// Onto turns a rebased series into patch files and a new series.yaml: a commit that an
// existing variant makes extends the range of that variant, another one becomes a variant
// of its own. The error is a *MatchError where the commits are not the patches, and
// matches ErrPerson where ranges can't be divided.
func Onto(r Rebased) (*Outcome, error) {
	if err := match(r.Series.Name, r.On.Version, r.Patches, r.Commits); err != nil {
		return nil, err
	}
	o := &onto{Rebased: r, index: splitIndex(r.Index)}
	before := r.On.Files
	for i, commit := range r.Commits {
		if err := o.slot(r.Patches[i], commit, before); err != nil {
			return nil, fmt.Errorf("exporting commit %d (%s): %w", i+1, commit.Title, err)
		}
		before = series.Overlay(before, commit.Files)
	}
	o.made.Index = o.index.bytes()
	return &o.made, nil
}

type onto struct {
	Rebased
	index indexText
	made  Outcome
}

// slot decides what serves the slot of one patch on the new tag.
func (o *onto) slot(tried *series.Patch, commit series.Draft, before series.Files) error {
	slot := slotOf(o.Series, tried)
	var entries []series.Entry
	var variants []variant
	for _, entry := range o.Series.Entries {
		if entry.Slot != slot {
			continue
		}
		v, err := newVariant(entry.Patch.File, entry.Versions)
		if err != nil {
			return err
		}
		entries, variants = append(entries, entry), append(variants, v)
	}
	made, err := o.makers(entries, tried, commit, before)
	if err != nil {
		return err
	}
	for _, entry := range made {
		if entry.Versions.Contains(o.On.Version) || o.extend(variants, entry.Patch.File) {
			return nil
		}
	}
	text := func(file string) (*series.Patch, error) { return written(file, commit, before) }
	for _, v := range variants {
		if v.contains(o.On.Version) && !slices.ContainsFunc(o.Locked, func(l kubever.Version) bool { return v.contains(l) && l != o.On.Version }) {
			return o.rewrite(slot, v.File, text)
		}
	}
	return o.add(slot, tried, variants, text)
}

// makers returns the variants that make a commit, the one that was tried first: it is the
// nearest. The message of another variant may be another one, if nobody has edited it.
func (o *onto) makers(entries []series.Entry, tried *series.Patch, commit series.Draft, before series.Files) ([]series.Entry, error) {
	var made []series.Entry
	for _, entry := range entries {
		same, err := changes(entry.Patch, commit, before)
		if err != nil {
			return nil, err
		}
		if !same || !says(entry.Patch, commit) && !says(tried, commit) {
			continue
		}
		if entry.Patch == tried {
			made = slices.Insert(made, 0, entry)
		} else {
			made = append(made, entry)
		}
	}
	return made, nil
}

func slotOf(s *series.Series, patch *series.Patch) string {
	for _, entry := range s.Entries {
		if entry.Patch == patch {
			return entry.Slot
		}
	}
	return patch.File
}

func written(file string, commit series.Draft, before series.Files) (*series.Patch, error) {
	text, err := series.Format(file, commit, []series.Files{before})
	if err != nil {
		return nil, err
	}
	return series.Parse(file, text)
}

func (o *onto) extend(variants []variant, file string) bool {
	widened, ok := extend(variants, file, o.On.Version)
	if !ok {
		return false
	}
	for i, v := range widened {
		if v == variants[i] {
			continue
		}
		if err := o.index.setVersions(v.File, v.String()); err != nil {
			return false
		}
		o.note("%s now serves %s", v.File, v)
	}
	return true
}

// rewrite changes a variant that serves no other tag.
func (o *onto) rewrite(slot, file string, text func(string) (*series.Patch, error)) error {
	patch, err := text(file)
	if err != nil {
		return err
	}
	o.made.Patches = append(o.made.Patches, Patch{Slot: slot, File: file, Text: patch.Text})
	o.note("%s is changed", file)
	return nil
}

// add writes a new variant and makes room for it.
func (o *onto) add(slot string, tried *series.Patch, variants []variant, text func(string) (*series.Patch, error)) error {
	file := nameOf(tried.File, o.On.Version, variants)
	divided, err := add(variants, file, o.On.Version, o.Locked)
	if err != nil {
		return err
	}
	patch, err := text(file)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(divided, func(v variant) bool { return v.File == file })
	neighbour, first := at+1, true
	if neighbour == len(divided) {
		neighbour, first = at-1, false
	}
	for i, v := range divided {
		if i == at {
			continue
		}
		if err := o.index.setVersions(v.File, v.String()); err != nil {
			return err
		}
	}
	entry := newEntry(file, slot, divided[at].String(), fmt.Sprintf("The same, where %s differs. (Say how.)", strings.Join(patch.Paths(), ", ")))
	if o.index, err = o.index.insert(divided[neighbour].File, first, entry); err != nil {
		return err
	}
	o.made.Patches = append(o.made.Patches, Patch{Slot: slot, File: file, Text: patch.Text})
	o.note("%s is new, for %s", file, divided[at])
	return nil
}

func (o *onto) note(format string, args ...any) {
	o.made.Notes = append(o.made.Notes, fmt.Sprintf(format, args...))
}

var variantSuffix = regexp.MustCompile(`(\.v[0-9.]+)?\.patch$`)

// nameOf names a variant after the first minor version that it is for, or after the tag
// where there is one of that name.
func nameOf(tried string, to kubever.Version, variants []variant) string {
	base := variantSuffix.ReplaceAllString(tried, "")
	name := fmt.Sprintf("%s.v%d.%d.patch", base, to.Major, to.Minor)
	if slices.ContainsFunc(variants, func(v variant) bool { return v.File == name }) {
		return fmt.Sprintf("%s.%s.patch", base, to)
	}
	return name
}

// Write puts the outcome into the folder of the series. The patches go first: where the
// process ends before series.yaml is replaced, the series is refused for a patch that is
// not listed, and nothing is built with half of it.
func (o *Outcome) Write(dir string) error {
	for _, patch := range o.Patches {
		if err := renameio.WriteFile(filepath.Join(dir, patch.File), patch.Text, 0o644); err != nil {
			return fmt.Errorf("writing the rebased series: %w", err)
		}
	}
	if err := renameio.WriteFile(filepath.Join(dir, series.IndexFile), o.Index, 0o644); err != nil {
		return fmt.Errorf("writing the rebased series: %w", err)
	}
	return nil
}
