// Package export turns commits into the patch files of a series.
//
// A patch whose commit still makes the change that its file makes keeps that file, to the
// byte: another author, a title, a body or a changed line make a new text, a new base does
// not. A new text is the canonical one of series.Format, with the author, the date and the
// message of the commit: made for every locked tag in the patch's range where the commits
// are of such a tag (Series), or for the one tag that a series is brought to (Onto). So
// exporting what was applied changes nothing, and exporting twice is exporting once.
//
// Everything here but Outcome.Write is pure.
package export

import (
	"fmt"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/series"
)

// Tag is the source of a locked tag.
type Tag struct {
	Version kubever.Version
	Files   series.Files
}

// Patch is one exported patch.
type Patch struct {
	Slot, File string
	Text       []byte
	// Kept says that Text is what the file holds.
	Kept bool
}

// Series exports one commit for each patch that a series has for a tag, which is on. tags
// are the locked tags with their sources, on among them or not. The error is a *MatchError
// where the commits are not the patches, and a *series.ConflictError where a change does
// not fit every tag in its patch's range: then this tag needs a variant of its own.
func Series(s *series.Series, on Tag, commits []series.Draft, tags []Tag) ([]Patch, error) {
	selected, err := s.Select(on.Version, false)
	if err != nil {
		return nil, err
	}
	if err := match(s.Name, on.Version, selected, commits); err != nil {
		return nil, err
	}
	x := &exporter{series: s, tags: tags, replaced: map[string]*series.Patch{}}
	tree := on.Files
	var exported []Patch
	for i, commit := range commits {
		patch, err := x.patch(selected[i], commit, i, Tag{on.Version, tree})
		if err != nil {
			return nil, fmt.Errorf("exporting %s: %w", selected[i].File, err)
		}
		exported = append(exported, patch)
		tree = series.Overlay(tree, commit.Files)
	}
	return exported, nil
}

type exporter struct {
	series *series.Series
	tags   []Tag
	// replaced are the patches with a new text, by file name.
	replaced map[string]*series.Patch
}

// patch exports one commit. before is the tag with the commits before this one.
func (x *exporter) patch(file *series.Patch, commit series.Draft, position int, before Tag) (Patch, error) {
	entry := x.entry(file)
	same, err := Makes(file, commit, before.Files)
	if err != nil {
		return Patch{}, err
	}
	if same {
		return Patch{Slot: entry.Slot, File: file.File, Text: file.Text, Kept: true}, nil
	}
	bases := []series.Files{before.Files}
	for _, tag := range x.tags {
		if !entry.Versions.Contains(tag.Version) || tag.Version == before.Version {
			continue
		}
		base, err := x.base(tag, position)
		if err != nil {
			return Patch{}, fmt.Errorf("on %s: %w", tag.Version, err)
		}
		bases = append(bases, base)
	}
	text, err := series.Format(file.File, commit, bases)
	if err != nil {
		return Patch{}, err
	}
	if x.replaced[file.File], err = series.Parse(file.File, text); err != nil {
		return Patch{}, err
	}
	return Patch{Slot: entry.Slot, File: file.File, Text: text}, nil
}

// base returns a tag's tree with the patches before a position.
func (x *exporter) base(tag Tag, position int) (series.Files, error) {
	selected, err := x.series.Select(tag.Version, false)
	if err != nil {
		return nil, err
	}
	before := make([]*series.Patch, position)
	for i, patch := range selected[:position] {
		before[i] = patch
		if replaced := x.replaced[patch.File]; replaced != nil {
			before[i] = replaced
		}
	}
	result, err := series.Apply(tag.Files, before)
	if err != nil {
		return nil, err
	}
	return result.Files(), nil
}

func (x *exporter) entry(patch *series.Patch) series.Entry {
	for _, entry := range x.series.Entries {
		if entry.Patch == patch {
			return entry
		}
	}
	return series.Entry{Patch: patch}
}

// Makes reports whether a patch, applied to before, is the commit: the same files, the
// same author and the same message.
func Makes(patch *series.Patch, commit series.Draft, before series.Files) (bool, error) {
	if !says(patch, commit) {
		return false, nil
	}
	return changes(patch, commit, before)
}

// says reports whether a patch has the author and the message of a commit.
func says(patch *series.Patch, commit series.Draft) bool {
	return series.SameMessage(patch, commit) && series.SameAuthor(patch, commit)
}

// changes reports whether a patch, applied to before, changes what a commit changes.
func changes(patch *series.Patch, commit series.Draft, before series.Files) (bool, error) {
	result, conflicts, err := series.Try(before, []*series.Patch{patch})
	if err != nil || len(conflicts) > 0 {
		return false, err
	}
	drafts, err := result.Drafts(before)
	if err != nil {
		return false, err
	}
	return series.SameChanges(drafts[0].Files, commit.Files), nil
}
