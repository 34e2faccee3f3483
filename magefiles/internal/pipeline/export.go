package pipeline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/google/renameio"

	"github.com/steadylet/steadylet/magefiles/internal/export"
	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/roottree"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
	"github.com/steadylet/steadylet/magefiles/internal/workbench"
)

// ErrExport is matched by the error for a patch that is not exported as it is.
var ErrExport = errors.New("exporting changes a patch")

// Export makes patch files of the tree that is open for editing. What is not committed in
// it goes into the commits that changed the same files, or all of it into patch number
// into. Where no tree is open, the series are exported as they are, from every locked
// tag, and must come out as they are; the error then matches ErrExport.
func (p *Pipeline) Export(ctx context.Context, into int) error {
	open, ok := p.open()
	if !ok {
		return p.exportUnchanged(ctx)
	}
	if err := p.dropUnlisted(open); err != nil {
		return err
	}
	loaded, err := p.loadSeries(open.Series)
	if err != nil {
		return err
	}
	bench, err := workbench.Open(p.editDir())
	if err != nil {
		return err
	}
	defer bench.Close()
	commits, folded, err := edited(ctx, bench, open.Base, into)
	if errors.Is(err, gittree.ErrHistory) {
		p.sayHow(open)
		return fmt.Errorf("the commits of the series are not on %s: %w", open.Version, err)
	}
	if err != nil {
		return err
	}
	on := export.Tag{Version: open.Version, Files: bench.Files(open.Base.Tree)}
	if open.From != "" {
		err = p.exportRebased(open, loaded, on, commits)
	} else {
		err = p.exportEdited(ctx, loaded, on, commits)
	}
	if err != nil || !folded {
		return err
	}
	_, err = commitAll(ctx, bench, open.Base, commits)
	return err
}

// edited returns the commits of a bench, with what is not committed folded into them.
func edited(ctx context.Context, bench *workbench.Bench, base workbench.Point, into int) (commits []series.Draft, folded bool, err error) {
	if err := bench.Settled(); err != nil {
		return nil, false, err
	}
	commits, head, err := bench.Drafts(ctx, base)
	if err != nil {
		return nil, false, err
	}
	edits, err := bench.Altered(head.Tree)
	if err != nil {
		return nil, false, err
	}
	commits, err = export.Fold(commits, edits, into)
	return commits, len(edits) > 0, err
}

// exportEdited writes the patches of a tag that were edited where they are.
func (p *Pipeline) exportEdited(ctx context.Context, loaded *series.Series, on export.Tag, commits []series.Draft) error {
	tags, err := p.exportTags(ctx, loaded)
	if err != nil {
		return err
	}
	patches, err := export.Series(loaded, on, commits, tags)
	if errors.Is(err, series.ErrConflict) {
		return fmt.Errorf("%w\nWhere %s needs a variant of its own, narrow the versions of the present one in %s, and bring the series here with `go tool mage edit -version=%[2]s -from=TAG`",
			err, on.Version, series.IndexFile)
	}
	if err != nil {
		return err
	}
	return p.writePatches(loaded.Name, patches)
}

// writePatches stores the patches that changed.
func (p *Pipeline) writePatches(name string, patches []export.Patch) error {
	changed := 0
	for _, patch := range patches {
		if patch.Kept {
			continue
		}
		path := filepath.Join(p.config.Root, "patches", name, patch.File)
		if err := renameio.WriteFile(path, patch.Text, 0o644); err != nil {
			return fmt.Errorf("writing the exported patches: %w", err)
		}
		changed++
		fmt.Fprintln(p.config.Results, path)
	}
	p.progress.Say("%d of %d patches changed", changed, len(patches))
	if changed > 0 {
		p.progress.Say("record it with `go tool mage lock`")
	}
	return nil
}

// exportTags returns the sources of the locked tags that a series serves.
func (p *Pipeline) exportTags(ctx context.Context, s *series.Series) ([]export.Tag, error) {
	fetcher := source.Fetcher{Environment: p.config.Environment, Progress: p.progress}
	var wanted []source.Wanted
	for _, version := range p.lock.Known() {
		patches, err := s.Select(version, false)
		if err != nil {
			continue // the series does not serve it
		}
		entry, err := p.lock.Entry(version)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, source.Wanted{Entry: entry, Staging: roottree.StagingModules(pathsOf(patches))})
	}
	published, err := fetcher.Publications(ctx, wanted)
	if err != nil {
		return nil, err
	}
	var tags []export.Tag
	for _, found := range published {
		tags = append(tags, export.Tag{Version: found.Entry.Version, Files: roottree.NewFiles(found)})
	}
	return tags, nil
}

// exportUnchanged exports every series from every tag, and compares.
func (p *Pipeline) exportUnchanged(ctx context.Context) error {
	names, err := p.seriesNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		loaded, err := p.loadSeries(name)
		if err != nil {
			return err
		}
		tags, err := p.exportTags(ctx, loaded)
		if err != nil {
			return err
		}
		for _, tag := range tags {
			if err := exportsAsItIs(loaded, tag, tags); err != nil {
				return fmt.Errorf("series %s from %s: %w", name, tag.Version, err)
			}
		}
		p.progress.Say("series %s is exported as it is from %d tags", name, len(tags))
	}
	return nil
}

func exportsAsItIs(s *series.Series, tag export.Tag, tags []export.Tag) error {
	selected, err := s.Select(tag.Version, false)
	if err != nil {
		return err
	}
	result, err := series.Apply(tag.Files, selected)
	if err != nil {
		return err
	}
	drafts, err := result.Drafts(tag.Files)
	if err != nil {
		return err
	}
	patches, err := export.Series(s, tag, drafts, tags)
	if err != nil {
		return err
	}
	for _, patch := range patches {
		if !patch.Kept {
			return fmt.Errorf("%w: %s", ErrExport, patch.File)
		}
	}
	return nil
}
