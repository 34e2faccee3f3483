package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/graft"
	"github.com/steadylet/steadylet/magefiles/internal/layout"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// history grows a line of commits on top of the pristine one. All of them carry
// the tag's date, so that their IDs are a function of the tag and the series.
type history struct {
	store        *gittree.Store
	tree, commit plumbing.Hash
	when         time.Time
}

func (h *history) add(subject, body string, edits []gittree.Change) error {
	tree, err := h.store.Edit(h.tree, edits)
	if err != nil {
		return err
	}
	commit, err := h.store.Commit(tree, []plumbing.Hash{h.commit}, gittree.CommitText{Subject: subject, Body: body, When: h.when})
	if err != nil {
		return err
	}
	h.tree, h.commit = tree, commit
	return nil
}

// addLibrary places the state file library. In the vendored layout the go command
// wants the new packages to be listed too, that of the first patch included.
func (h *history) addLibrary(plan *graft.Plan, in layout.Layout) error {
	var edits []gittree.Change
	for _, change := range plan.Changes {
		edits = append(edits, gittree.Change{Path: change.Path, Data: change.Data})
	}
	if in == layout.Vendored {
		const list = "vendor/modules.txt"
		data, _, err := h.store.ReadFile(h.tree, list)
		if err != nil {
			return fmt.Errorf("placing the state file library: %w", err)
		}
		packages := append([]string{"k8s.io/kubernetes/" + graft.Folder}, plan.Packages...)
		if data, err = graft.VendorModules(data, packages); err != nil {
			return fmt.Errorf("placing the state file library: %w", err)
		}
		edits = append(edits, gittree.Change{Path: list, Data: data})
	}
	const body = "The library is copied from the repository that this tree was made with, and so is\n" +
		"the one module it depends on. Both become packages of the Kubernetes module."
	if err := h.add("Add the state file library", body, edits); err != nil {
		return fmt.Errorf("placing the state file library: %w", err)
	}
	return nil
}

// upstreamFiles reads files of a stored tree by their path in the upstream
// layout.
type upstreamFiles struct {
	store  *gittree.Store
	tree   plumbing.Hash
	layout layout.Layout
}

// ReadFile implements series.Files.
func (f upstreamFiles) ReadFile(path string) (series.File, error) {
	data, executable, err := f.store.ReadFile(f.tree, f.layout.Path(path))
	return series.File{Data: data, Executable: executable}, err
}

// edits turns a patch's changes into those of a tree in the given layout.
func edits(changes []series.Change, in layout.Layout) []gittree.Change {
	converted := make([]gittree.Change, len(changes))
	for i, change := range changes {
		converted[i] = gittree.Change{
			Path: in.Path(change.Path), Data: change.Data, Executable: change.Executable, Delete: change.Kind == series.Delete,
		}
	}
	return converted
}

// library plans how the state file library is placed in a tree.
func (p *Pipeline) library(ctx context.Context, tree *source.Tree) (*graft.Plan, error) {
	renameio, err := graft.RenameioDir(ctx, p.config.Root, p.config.Environment)
	if err != nil {
		return nil, err
	}
	return graft.NewPlan(os.DirFS(filepath.Join(p.config.Root, "statefile")), os.DirFS(renameio), tree.Layout)
}
