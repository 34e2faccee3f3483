package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio"

	"github.com/steadylet/steadylet/magefiles/internal/export"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/roottree"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
	"github.com/steadylet/steadylet/magefiles/internal/workbench"
	"github.com/steadylet/steadylet/magefiles/internal/workspace"
)

// Errors of Edit and Export that can be matched with errors.Is.
var (
	// ErrEditing means that a tree is open for editing already.
	ErrEditing = errors.New("a tree is open for editing")
	// ErrExport means that exporting the patches as they are does not give their files.
	ErrExport = errors.New("exporting changes a patch")
)

// editing is what the workspace remembers of the tree that is open for editing.
type editing struct {
	Series  string
	Version kubever.Version
	Base    workbench.Point
}

func (p *Pipeline) editDir() string { return filepath.Join(p.space.Dir(), "edit") }

// editKey is the one that the open tree is remembered by: there is one at most.
func editKey() workspace.Key { return workspace.KeyOf("edit 1") }

// open returns what is open for editing.
func (p *Pipeline) open() (editing, bool) {
	var open editing
	if _, err := os.Stat(p.editDir()); err != nil {
		return open, false
	}
	return open, p.space.Recall("edit", editKey(), &open) && open.Series != ""
}

// Edit lays a tag's sources out with one commit for each patch of a series, for a person
// to edit, and prints where. Export makes patches of it.
func (p *Pipeline) Edit(ctx context.Context, name, version string) error {
	if open, ok := p.open(); ok {
		return fmt.Errorf("%w: series %s on %s in %s; export it with `go tool mage export`, or drop it with `go tool mage edit -discard`",
			ErrEditing, open.Series, open.Version, p.editDir())
	}
	loaded, err := p.loadSeries(name)
	if err != nil {
		return err
	}
	tag, err := p.version(version)
	if err != nil {
		return err
	}
	patches, err := loaded.Select(tag, false)
	if err != nil {
		return err
	}
	published, err := p.published(ctx, tag, pathsOf(patches))
	if err != nil {
		return err
	}
	if err := os.RemoveAll(p.editDir()); err != nil { // of one that was ended early
		return err
	}
	step := p.progress.Step("laying out "+tag.String(), progress.Files)
	defer step.Abort()
	bench, base, err := workbench.Create(ctx, p.editDir(), published, pathsOf(patches))
	if err != nil {
		return err
	}
	defer bench.Close()
	result, err := series.Apply(bench.Files(base.Tree), patches)
	if err != nil {
		return fmt.Errorf("%w\nBring the series to this tag with `go tool mage rebase -to=%s`.", err, tag)
	}
	drafts, err := result.Drafts(bench.Files(base.Tree))
	if err != nil {
		return err
	}
	if err := commitAll(ctx, bench, base, drafts); err != nil {
		return err
	}
	step.Done(fmt.Sprintf("%d commits", len(drafts)))
	if err := p.space.Record("edit", editKey(), editing{loaded.Name, tag, base}); err != nil {
		return err
	}
	p.progress.Close()
	fmt.Fprintf(p.config.Messages, "Edit the files there; with git: git --git-dir=%s commit --amend, rebase -i, …\n"+
		"Then make patches of it with `go tool mage export`.\n", bench.Repository())
	fmt.Fprintln(p.config.Results, bench.Worktree())
	return nil
}

// commitAll makes one commit of each draft, and the worktree equal to the last.
func commitAll(ctx context.Context, bench *workbench.Bench, base workbench.Point, drafts []series.Draft) error {
	at := base
	for _, draft := range drafts {
		next, err := bench.Commit(at, draft.Files, draft.Title, draft.Body)
		if err != nil {
			return err
		}
		at = next
	}
	if err := bench.Checkout(ctx, at.Tree); err != nil {
		return err
	}
	return bench.Attach(at.Tree)
}

// DiscardEdit drops the tree that is open for editing, and what was edited in it.
func (p *Pipeline) DiscardEdit() error {
	if _, ok := p.open(); !ok {
		return errors.New("no tree is open for editing: open one with `go tool mage edit -version=v1.36.3`")
	}
	return os.RemoveAll(p.editDir())
}

// Export makes patch files of the tree that is open for editing. What is not committed in
// it goes into the commits that changed the same files, or all of it into patch number
// into. Where no tree is open, the series are exported as they are, from every locked
// tag, and must come out as they are; the error then matches ErrExport.
func (p *Pipeline) Export(ctx context.Context, into int) error {
	open, ok := p.open()
	if !ok {
		return p.exportUnchanged(ctx)
	}
	loaded, err := p.loadSeries(open.Series)
	if err != nil {
		return err
	}
	entry, err := p.lock.Entry(open.Version)
	if err != nil {
		return err
	}
	bench, err := workbench.Open(p.editDir(), entry.Time)
	if err != nil {
		return err
	}
	defer bench.Close()
	commits, head, err := bench.Drafts(ctx, open.Base)
	if err != nil {
		return err
	}
	edits, err := bench.Altered(head.Tree)
	if err != nil {
		return err
	}
	if commits, err = export.Fold(commits, edits, into); err != nil {
		return err
	}
	tags, err := p.exportTags(ctx, loaded)
	if err != nil {
		return err
	}
	on := export.Tag{Version: open.Version, Files: bench.Files(open.Base.Tree)}
	patches, err := export.Series(loaded, on, commits, tags)
	if err != nil {
		return fmt.Errorf("%w\nWhere this tag needs a variant of its own, narrow the versions of the present one in %s and rebase to this tag.",
			err, series.IndexFile)
	}
	if err := p.writePatches(open.Series, patches); err != nil {
		return err
	}
	return commitAll(ctx, bench, open.Base, commits)
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
