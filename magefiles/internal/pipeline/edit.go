package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/workbench"
	"github.com/steadylet/steadylet/magefiles/internal/workspace"
)

// ErrEditing is matched by the error of Edit while a tree is open for editing already.
var ErrEditing = errors.New("a tree is open for editing")

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
	loaded, tag, patches, err := p.selected(name, version, false)
	if err != nil {
		return err
	}
	bench, base, err := p.layOut(ctx, tag, patches)
	if err != nil {
		return err
	}
	defer bench.Close()
	if err := p.space.Record("edit", editKey(), editing{loaded.Name, tag, base}); err != nil {
		return err
	}
	p.progress.Close()
	fmt.Fprintf(p.config.Messages, "Edit the files there; with git: git --git-dir=%s commit --amend, rebase -i, …\n"+
		"Then make patches of it with `go tool mage export`.\n", bench.Repository())
	fmt.Fprintln(p.config.Results, bench.Worktree())
	return nil
}

// layOut fills the folder for editing, instead of one that was never finished.
func (p *Pipeline) layOut(ctx context.Context, tag kubever.Version, patches []*series.Patch) (*workbench.Bench, workbench.Point, error) {
	published, err := p.published(ctx, tag, pathsOf(patches))
	if err != nil {
		return nil, workbench.Point{}, err
	}
	if err := os.RemoveAll(p.editDir()); err != nil {
		return nil, workbench.Point{}, err
	}
	step := p.progress.Step("laying out "+tag.String(), progress.Files)
	defer step.Abort()
	bench, base, err := workbench.Create(ctx, p.editDir(), published, pathsOf(patches))
	if err != nil {
		return nil, base, err
	}
	if err := commitPatches(ctx, bench, base, patches); err != nil {
		err = fmt.Errorf("applying the series to %s: %w", tag, err)
		return nil, base, errors.Join(err, bench.Close(), os.RemoveAll(p.editDir()))
	}
	step.Done(fmt.Sprintf("%d commits", len(patches)))
	return bench, base, nil
}

func commitPatches(ctx context.Context, bench *workbench.Bench, base workbench.Point, patches []*series.Patch) error {
	result, err := series.Apply(bench.Files(base.Tree), patches)
	if err != nil {
		return err
	}
	drafts, err := result.Drafts(bench.Files(base.Tree))
	if err != nil {
		return err
	}
	return commitAll(ctx, bench, base, drafts)
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
