package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/steadylet/steadylet/magefiles/internal/check"
	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/hookcheck"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/layout"
	"github.com/steadylet/steadylet/magefiles/internal/roottree"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/serieslock"
	"github.com/steadylet/steadylet/magefiles/internal/source"
	"github.com/steadylet/steadylet/magefiles/internal/workspace"
)

// heldPatches holds the patches that a tag gets against the series' lock. The error is a
// *serieslock.Error, which is serieslock.ErrDrift, and serieslock.ErrNotRecorded where
// the lock lacks a patch.
func (p *Pipeline) heldPatches(loaded *series.Series, patches []*series.Patch) (*serieslock.Lock, error) {
	recorded, err := serieslock.Read(p.seriesLockPath(loaded.Name))
	if err != nil {
		return nil, err
	}
	return recorded, driftError(loaded.Name, recorded.CompareSelected(digestsOf(patches)))
}

// held does both. With -untested what differs is only said; it returns whether it did.
func (p *Pipeline) held(ctx context.Context, tree *source.Tree, loaded *series.Series, patches []*series.Patch, untested bool) (differs bool, err error) {
	recorded, err := p.heldPatches(loaded, patches)
	if err == nil {
		err = p.heldTree(ctx, tree, loaded, patches, recorded)
	}
	if untested && errors.Is(err, serieslock.ErrDrift) {
		p.progress.Say("warning: %v", err)
		return true, nil
	}
	return false, err
}

func driftError(name string, drifts []serieslock.Drift) error {
	if len(drifts) == 0 {
		return nil
	}
	return &serieslock.Error{Series: name, Drifts: drifts}
}

// heldTree holds what the patches make of a tag's root module against the series' lock,
// patch by patch. A tree that is not known to be the tag's is not compared: nobody
// recorded what becomes of it. The errors are those of heldPatches.
func (p *Pipeline) heldTree(ctx context.Context, tree *source.Tree, loaded *series.Series, patches []*series.Patch, recorded *serieslock.Lock) error {
	if !ofTheTag(tree) {
		return nil
	}
	var found serieslock.Version
	key := workspace.KeyOf(append([]string{"held 1", string(tree.Key)}, names(patches)...)...)
	if !p.space.Recall("held", key, &found) {
		made, err := p.treesOf(ctx, tree, loaded, patches)
		if errors.Is(err, source.ErrNotPublished) {
			p.progress.Say("warning: what the patches make of %s is not compared with the series' lock: %v", tree.Request.Version, err)
			return nil
		}
		if errors.Is(err, series.ErrConflict) || errors.Is(err, hookcheck.ErrHookMissing) {
			return nil // applying the patches will say so, and fail
		}
		if err != nil {
			return fmt.Errorf("comparing what series %s makes of %s with its lock: %w", loaded.Name, tree.Request.Version, err)
		}
		found = *made
		if err := p.space.Record("held", key, found); err != nil {
			return err
		}
	}
	return driftError(loaded.Name, recorded.CompareVersion(found, func(string) bool { return false }))
}

// ofTheTag reports whether a tree's root module is known to be the published one.
func ofTheTag(tree *source.Tree) bool {
	return tree.Request.Kind == source.Module ||
		tree.Layout == layout.Upstream && tree.Origin.RootSum != "" && tree.Origin.RootSum == tree.Request.Entry.RootSum()
}

// names identifies patches and their order.
func names(patches []*series.Patch) []string {
	var all []string
	for _, patch := range patches {
		all = append(all, patch.File, patch.Digest)
	}
	return all
}

func digestsOf(patches []*series.Patch) []serieslock.Patch {
	digests := make([]serieslock.Patch, len(patches))
	for i, patch := range patches {
		digests[i] = serieslock.Patch{File: patch.File, SHA256: patch.Digest}
	}
	return digests
}

// treesOf computes the trees that would be recorded: from the tree itself where that is
// a whole checkout, else, since only a part of the root module was vendored, from the
// module cache, where that part came from.
func (p *Pipeline) treesOf(ctx context.Context, tree *source.Tree, loaded *series.Series, patches []*series.Patch) (*serieslock.Version, error) {
	if tree.Layout == layout.Upstream {
		return treesOfCheckout(tree, patches)
	}
	known := tree.Request.Entry
	s := subject{version: tree.Request.Version, known: &known}
	s.selection = check.Select(loaded, s.version, true, &serieslock.Lock{})
	trees, err := p.roots(ctx, []subject{s})
	if err != nil {
		return nil, err
	}
	defer trees.Close()
	checker := seriesChecker{pipeline: p, series: loaded}
	row, err := checker.apply(ctx, s, trees)
	switch {
	case err != nil:
		return nil, err
	case row.Found == nil:
		return nil, (&check.Report{Rows: []check.Row{row}}).Err()
	}
	return row.Found, nil
}

// treesOfCheckout takes the root module out of a checkout, with the staging files that
// the patches touch.
func treesOfCheckout(tree *source.Tree, patches []*series.Patch) (*serieslock.Version, error) {
	store, err := gittree.Open(tree.Dir)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	entries, err := store.Entries(tree.TreeID)
	if err != nil {
		return nil, err
	}
	paths, err := source.RootFiles(entries)
	if err != nil {
		return nil, err
	}
	for _, staged := range roottree.Staging(pathsOf(patches)) {
		if slices.Contains(entries, gittree.Entry{Path: staged}) {
			paths = append(paths, staged)
		}
	}
	slices.Sort(paths)
	base, err := store.Only(tree.TreeID, slices.Compact(paths))
	if err != nil {
		return nil, err
	}
	return treesAfter(store, tree.Request.Version, base, patches)
}

// treesAfter applies patches to a stored tree. Nothing is checked out.
func treesAfter(store *gittree.Store, version kubever.Version, base plumbing.Hash, patches []*series.Patch) (*serieslock.Version, error) {
	result, err := series.Apply(upstreamFiles{store: store, tree: base, layout: layout.Upstream}, patches)
	if err != nil {
		return nil, err
	}
	after, err := roottree.After(store, base, result)
	if err != nil {
		return nil, err
	}
	made := &serieslock.Version{Version: version, Source: base.String()}
	for i, applied := range result.Patches {
		made.After = append(made.After, serieslock.After{File: applied.Patch.File, Tree: after[i].String()})
	}
	return made, nil
}
