package export

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/steadylet/steadylet/magefiles/internal/series"
)

// Canonical writes every patch of a series anew, as an export of an edited commit does,
// and says with Kept whether its file holds that text already. Line numbers are those of
// one tag: the text is canonical if it is the one that is written on any tag where every
// hunk lies at the line that it names. Where it is not, Text is what it would be on the
// first such tag, or where there is none on the newest that gets the patch.
//
// tags are the locked tags with their sources, in order; a patch that none of them gets
// is an error.
func Canonical(s *series.Series, tags []Tag) ([]Patch, error) {
	x := &exporter{series: s, tags: tags, replaced: map[string]*series.Patch{}}
	var written []Patch
	for _, entry := range s.Entries {
		patch, err := x.canonical(entry)
		if err != nil {
			return nil, fmt.Errorf("writing %s anew: %w", entry.Patch.File, err)
		}
		written = append(written, patch)
	}
	return written, nil
}

// placed is one tag that gets a patch, as it is before it.
type placed struct {
	before Tag
	// draft is the change that the patch makes there; exact says that every hunk lies
	// where the patch names it.
	draft series.Draft
	exact bool
}

func (x *exporter) canonical(entry series.Entry) (Patch, error) {
	all, err := x.placements(entry.Patch)
	if err != nil {
		return Patch{}, err
	}
	if len(all) == 0 {
		return Patch{}, fmt.Errorf("none of the %d tags gets it", len(x.tags))
	}
	bases := make([]series.Files, len(all))
	for i, at := range all {
		bases[i] = at.before.Files
	}
	exact := slices.DeleteFunc(slices.Clone(all), func(at placed) bool { return !at.exact })
	if len(exact) == 0 {
		exact = all[len(all)-1:]
	}
	written := Patch{Slot: entry.Slot, File: entry.Patch.File}
	for _, at := range exact {
		text, err := series.Format(entry.Patch.File, at.draft, bases)
		if err != nil {
			return Patch{}, fmt.Errorf("on %s: %w", at.before.Version, err)
		}
		if written.Kept = bytes.Equal(text, entry.Patch.Text); written.Kept || written.Text == nil {
			written.Text = text
		}
		if written.Kept {
			break
		}
	}
	return written, nil
}

// placements tries a patch on every tag that gets it.
func (x *exporter) placements(patch *series.Patch) ([]placed, error) {
	var all []placed
	for _, tag := range x.tags {
		selected, err := x.series.Select(tag.Version, false)
		position := slices.Index(selected, patch)
		if err != nil || position < 0 {
			continue // the series, or this variant, does not serve the tag
		}
		base, err := x.base(tag, position)
		if err != nil {
			return nil, fmt.Errorf("on %s: %w", tag.Version, err)
		}
		result, err := series.Apply(base, selected[position:position+1])
		if err != nil {
			return nil, fmt.Errorf("on %s: %w", tag.Version, err)
		}
		drafts, err := result.Drafts(base)
		if err != nil {
			return nil, err
		}
		draft := drafts[0]
		draft.Number, draft.Count = position+1, len(selected)
		exact := !slices.ContainsFunc(result.Patches[0].Hunks, func(h series.Placement) bool { return h.Offset != 0 })
		all = append(all, placed{Tag{tag.Version, base}, draft, exact})
	}
	return all, nil
}
