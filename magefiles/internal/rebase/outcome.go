package rebase

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/renameio"

	"github.com/steadylet/steadylet/magefiles/internal/export"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/series"
)

// Outcome is what a finished rebase makes of a series.
type Outcome struct {
	// Patches are the new patch files.
	Patches []export.Patch
	// Index is the new text of series.yaml.
	Index []byte
	// Notes say what became of each slot, in words.
	Notes []string
	// Differences compares each patch that was tried with what it became, for review; an
	// equal one has no lines.
	Differences []Difference
}

// Difference is one line of a range-diff, with the changed lines below it.
type Difference struct {
	Old, New string
	Lines    []string
}

// Outcome turns a finished rebase into patch files and a new series.yaml. dir is the
// folder of the series, scratch an empty one, in which the result is proven before it is
// returned; locked are the tags of the lock. The error matches ErrPerson where ranges
// can't be divided.
func (r *Rebase) Outcome(ctx context.Context, dir, scratch string, locked []kubever.Version) (*Outcome, error) {
	text, err := os.ReadFile(filepath.Join(dir, series.IndexFile))
	if err != nil {
		return nil, err
	}
	out := &outcome{rebase: r, index: splitIndex(text), locked: locked}
	before := r.state.Base
	for i, step := range r.state.Done {
		if step.Result == Taken {
			return nil, fmt.Errorf("%w: %s is not needed on %s: end the ranges of slot %s before it, and make the slot's other patches fit in %s",
				ErrPerson, step.File, r.state.To, step.Slot, series.IndexFile)
		}
		changes, err := r.bench.Diff(ctx, before.Tree, step.After.Tree)
		if err != nil {
			return nil, err
		}
		commit := series.Draft{
			Number: i + 1, Count: len(r.patches), Title: r.patches[i].Title, Body: r.patches[i].Body, Files: changes,
		}
		if err := out.slot(step, r.patches[i], commit, r.bench.Files(before.Tree)); err != nil {
			return nil, fmt.Errorf("slot %s: %w", step.Slot, err)
		}
		before = step.After
	}
	out.made.Index = out.index.bytes()
	return &out.made, r.prove(dir, scratch, &out.made)
}

type outcome struct {
	rebase *Rebase
	index  indexText
	locked []kubever.Version
	made   Outcome
}

// slot decides what serves one slot: a variant that makes the commit, or a new one.
func (o *outcome) slot(step Step, tried *series.Patch, commit series.Draft, before series.Files) error {
	to := o.rebase.state.To
	var entries []series.Entry
	var variants []variant
	for _, entry := range o.rebase.series.Entries {
		if entry.Slot != step.Slot {
			continue
		}
		v, err := newVariant(entry.Patch.File, entry.Versions)
		if err != nil {
			return err
		}
		entries, variants = append(entries, entry), append(variants, v)
	}
	// The one that was tried goes first: it is the nearest.
	slices.SortStableFunc(entries, func(a, b series.Entry) int { return rank(a, tried) - rank(b, tried) })
	for _, entry := range entries {
		makes, err := export.Makes(entry.Patch, commit, before)
		if err != nil {
			return err
		}
		if makes && (entry.Versions.Contains(to) || o.extend(variants, entry.Patch.File)) {
			o.made.Differences = append(o.made.Differences, difference(tried, entry.Patch))
			return nil
		}
	}
	return o.add(step, tried, commit, before, variants)
}

func rank(entry series.Entry, first *series.Patch) int {
	if entry.Patch == first {
		return 0
	}
	return 1
}

func (o *outcome) extend(variants []variant, file string) bool {
	widened, ok := extend(variants, file, o.rebase.state.To)
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
		o.made.Notes = append(o.made.Notes, fmt.Sprintf("%s now serves %s", v.File, v))
	}
	return true
}

// add writes a new variant and makes room for it.
func (o *outcome) add(step Step, tried *series.Patch, commit series.Draft, before series.Files, variants []variant) error {
	to := o.rebase.state.To
	file := nameOf(tried.File, to, variants)
	divided, err := add(variants, file, to, o.locked)
	if err != nil {
		return err
	}
	text, err := series.Format(file, commit, []series.Files{before})
	if err != nil {
		return err
	}
	patch, err := series.Parse(file, text)
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
	entry := newEntry(file, step.Slot, divided[at].String(), fmt.Sprintf("The same, where %s differs. (Say how.)", strings.Join(patch.Paths(), ", ")))
	if o.index, err = o.index.insert(divided[neighbour].File, first, entry); err != nil {
		return err
	}
	o.made.Patches = append(o.made.Patches, export.Patch{Slot: step.Slot, File: file, Text: text})
	o.made.Notes = append(o.made.Notes, fmt.Sprintf("%s is new, for %s", file, divided[at]))
	o.made.Differences = append(o.made.Differences, difference(tried, patch))
	return nil
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

// difference compares two patches without what differs on every tag.
func difference(old, changed *series.Patch) Difference {
	d := Difference{Old: old.File, New: changed.File}
	lines := series.Difference(comparable(old), comparable(changed))
	if slices.ContainsFunc(lines, func(line string) bool { return line[0] != ' ' }) {
		d.Lines = lines
	}
	return d
}

// comparable returns a patch's lines without line numbers and IDs.
func comparable(patch *series.Patch) []string {
	var lines []string
	for line := range strings.Lines(string(patch.Text)) {
		switch {
		case strings.HasPrefix(line, "index "):
			continue
		case strings.HasPrefix(line, "@@ "):
			line = "@@\n"
		}
		lines = append(lines, line)
	}
	return lines
}

// prove lays the series out as it will be, in scratch, and applies it to the tag: the
// same patches have to be selected, and the same tree has to come out.
func (r *Rebase) prove(dir, scratch string, made *Outcome) error {
	name := filepath.Base(dir)
	if err := os.CopyFS(filepath.Join(scratch, name), os.DirFS(dir)); err != nil {
		return err
	}
	if err := made.Write(filepath.Join(scratch, name)); err != nil {
		return err
	}
	loaded, err := series.Load(os.DirFS(scratch), name)
	if err != nil {
		return fmt.Errorf("the rebased series: %w", err)
	}
	patches, err := loaded.Select(r.state.To, false)
	if err != nil {
		return fmt.Errorf("the rebased series: %w", err)
	}
	base := r.bench.Files(r.state.Base.Tree)
	result, err := series.Apply(base, patches)
	if err != nil {
		return fmt.Errorf("the rebased series: %w", err)
	}
	drafts, err := result.Drafts(base)
	if err != nil {
		return err
	}
	tree := r.state.Base.Tree
	for _, draft := range drafts {
		if tree, err = r.bench.Edit(tree, draft.Files); err != nil {
			return err
		}
	}
	if want := r.state.at().Tree; tree != want {
		return fmt.Errorf("%w: the rebased series makes tree %s of %s, and the commits make %s", ErrPerson, tree, r.state.To, want)
	}
	return nil
}

// Write puts the outcome into the folder of the series. The patches go first: where the
// process ends before series.yaml is replaced, the series is refused for a patch that is
// not listed, and nothing is built with half of it. (See Pending for how it goes on.)
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
