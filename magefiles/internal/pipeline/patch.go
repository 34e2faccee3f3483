package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/steadylet/steadylet/magefiles/internal/certvalidity"
	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/graft"
	"github.com/steadylet/steadylet/magefiles/internal/hookcheck"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/manifest"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/serieslock"
	"github.com/steadylet/steadylet/magefiles/internal/source"
	"github.com/steadylet/steadylet/magefiles/internal/workspace"
)

// StockSeries is the name that asks for no series at all.
const StockSeries = "none"

// DefaultSeries is the one that keeps containers running over an upgrade.
const DefaultSeries = "restart-suppression"

// PatchOptions say what is added to a pristine tree.
type PatchOptions struct {
	// Series is the name of a folder in patches/, or StockSeries.
	Series string
	// Untested takes the nearest variant of each patch for a version that no
	// range of the series contains, and patches that are not those of the series' lock.
	Untested bool
	// Validity says for how many years kubeadm signs, where that is asked for.
	Validity *certvalidity.Years
}

// Patched is a tree with a series applied and its hooks proven, or a stock tree
// that was asked for as such.
type Patched struct {
	Tree   *source.Tree
	Series manifest.Series
	// Applied tells where each hunk was found.
	Applied []AppliedPatch
	// Cached says that the patches had been applied before.
	Cached bool
	// Validity says for how many years kubeadm signs, where that is asked for.
	Validity *certvalidity.Years `json:"-"`
}

// AppliedPatch is one patch and where its hunks were found.
type AppliedPatch struct {
	File  string
	Hunks []series.Placement
}

// Version is what a binary of the tree says of itself: the tag, and eight digits
// of the series digest as build metadata, with the years that were linked in. (The
// + keeps semantic versioning's order, and passes Kubernetes' own version checks.)
func (t *Patched) Version() string {
	if t.Series.Digest == "" {
		return t.Tree.Request.Version.String()
	}
	version := fmt.Sprintf("%s+steadylet.%.8s", t.Tree.Request.Version, t.Series.Digest)
	if t.Validity != nil {
		version += "." + t.Validity.Label()
	}
	return version
}

// additions is everything that is put on top of a pristine tree.
type additions struct {
	patches    []*series.Patch
	assertions []hookcheck.Assertion
	// library is nil for a series that does not touch the kubelet.
	library *graft.Plan
	digest  string
	// untested says that no range of some patch contains the version, or that a patch is
	// not that of the series' lock.
	untested bool
}

// key identifies the result of adding everything to a tree, and of the proofs: an
// assertion that changed is held against a tree that was patched before.
func (a *additions) key(tree *source.Tree) (workspace.Key, error) {
	assertions, err := json.Marshal(a.assertions)
	if err != nil {
		return "", fmt.Errorf("identifying the assertions: %w", err)
	}
	return workspace.KeyOf("patch 2", string(tree.Key), a.digest, fmt.Sprint(a.untested), hookcheck.Version, string(assertions)), nil
}

// Patch applies a series as one commit a patch, places the state file library,
// and proves that the hooks are where they must be. When anything fails the
// tree is as it was before. The error matches serieslock.ErrDrift where the patches, or
// what they make of the tag, are not what the series' lock recorded.
func (p *Pipeline) Patch(ctx context.Context, tree *source.Tree, options PatchOptions) (*Patched, error) {
	if options.Series == StockSeries {
		patched := stock(tree)
		patched.Validity = options.Validity
		return patched, nil
	}
	added, err := p.additions(ctx, tree, options)
	if err != nil {
		return nil, err
	}
	patched := &Patched{Tree: tree}
	key, err := added.key(tree)
	if err != nil {
		return nil, err
	}
	if p.space.Recall("patch", key, patched) && patched.Series.Digest == added.digest && stillThere(tree, patched.Series.Commit) {
		patched.Tree, patched.Cached, patched.Validity = tree, true, options.Validity
		return patched, nil
	}
	step := p.progress.Step("patch", progress.Patches)
	defer step.Abort()
	patched = &Patched{Tree: tree, Validity: options.Validity}
	if err := patched.apply(added, step); err != nil {
		return nil, fmt.Errorf("applying series %s to Kubernetes %s: %w", options.Series, tree.Request.Version, err)
	}
	step.Done(fmt.Sprintf("%d patches", len(added.patches)))
	remembered := *patched
	remembered.Tree = nil
	if err := p.space.Record("patch", key, remembered); err != nil {
		return nil, err
	}
	return patched, nil
}

// stillThere reports whether a tree, which may have been fetched again since, has a
// commit.
func stillThere(tree *source.Tree, commit string) bool {
	store, err := gittree.Open(tree.Dir)
	if err != nil {
		return false
	}
	defer store.Close()
	return store.Has(plumbing.NewHash(commit))
}

// stock returns a tree to which nothing is added.
func stock(tree *source.Tree) *Patched {
	series := manifest.Series{Tree: tree.TreeID.String(), Commit: tree.Commit.String(), Patches: []manifest.Patch{}}
	return &Patched{Tree: tree, Series: series, Cached: tree.Cached}
}

func (p *Pipeline) additions(ctx context.Context, tree *source.Tree, options PatchOptions) (*additions, error) {
	loaded, err := p.loadSeries(options.Series)
	if err != nil {
		return nil, err
	}
	version := tree.Request.Version
	patches, err := loaded.Select(version, options.Untested)
	if err != nil {
		return nil, err
	}
	_, outside := loaded.Select(version, false)
	differs, err := p.held(ctx, tree, loaded, patches, options.Untested)
	if err != nil {
		return nil, err
	}
	added := &additions{patches: patches, assertions: loaded.AssertionsFor(version), untested: outside != nil || differs}
	if !slices.Contains(loaded.Components, "kubelet") {
		added.digest = series.Digest(patches)
		return added, nil
	}
	if added.library, err = p.library(ctx, tree); err != nil {
		return nil, err
	}
	added.digest = series.Digest(patches, added.library.Digest)
	return added, nil
}

// CheckSeries reports whether a series can be read, has patches for the tag of a source,
// and has those of its lock, so that what is wrong is not found out after a long fetch. The
// errors are those of Patch.
func (p *Pipeline) CheckSeries(options PatchOptions, from SourceOptions) error {
	version, err := p.tag(from)
	if err != nil || options.Series == StockSeries {
		return err
	}
	loaded, _, patches, err := p.selected(options.Series, version.String(), options.Untested)
	if err != nil {
		return err
	}
	if _, err = p.heldPatches(loaded, patches); options.Untested && errors.Is(err, serieslock.ErrDrift) {
		return nil // Patch says it
	}
	return err
}

// selected reads a series, and selects its patches for a tag of the lock (empty: the
// newest).
func (p *Pipeline) selected(name, version string, untested bool) (*series.Series, kubever.Version, []*series.Patch, error) {
	loaded, err := p.loadSeries(name)
	if err != nil {
		return nil, kubever.Version{}, nil, err
	}
	tag, err := p.version(version)
	if err != nil {
		return nil, kubever.Version{}, nil, err
	}
	// That a tag is not in the lock says more than that no patch is for it.
	if _, err := p.lock.Entry(tag); err != nil {
		return nil, kubever.Version{}, nil, err
	}
	patches, err := loaded.Select(tag, untested)
	return loaded, tag, patches, err
}

// loadSeries reads a series by its folder's name.
func (p *Pipeline) loadSeries(name string) (*series.Series, error) {
	if !workspace.SafeName(name) {
		return nil, fmt.Errorf("series %q is not the name of a folder in patches/", name)
	}
	if name == StockSeries {
		return nil, fmt.Errorf("-series=%s is for a stock build, and has no patches: give the name of a folder in patches/", name)
	}
	loaded, err := series.Load(os.DirFS(filepath.Join(p.config.Root, "patches")), name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("series %q is not in patches/: give the name of a folder there, or %s for a stock build: %w", name, StockSeries, err)
	}
	return loaded, err
}

// apply computes every change in memory, proves the hooks, and only then writes
// commits. The worktree is not touched.
func (t *Patched) apply(added *additions, step *progress.Step) error {
	store, err := gittree.Open(t.Tree.Dir)
	if err != nil {
		return err
	}
	defer store.Close()
	base := upstreamFiles{store: store, tree: t.Tree.TreeID, layout: t.Tree.Layout}
	result, err := series.Apply(base, added.patches)
	if err != nil {
		return err
	}
	if err := hookcheck.Check(result, added.assertions); err != nil {
		return err
	}
	history := history{store: store, tree: t.Tree.TreeID, commit: t.Tree.Commit, when: t.Tree.Request.Entry.Time}
	t.Series = manifest.Series{Digest: added.digest, Untested: added.untested, Patches: []manifest.Patch{}}
	for i, applied := range result.Patches {
		if err := history.add(applied.Patch.Title, applied.Patch.Body, edits(applied.Changes, t.Tree.Layout)); err != nil {
			return fmt.Errorf("committing %s: %w", applied.Patch.File, err)
		}
		t.Series.Patches = append(t.Series.Patches, manifest.Patch{
			File: applied.Patch.File, Title: applied.Patch.Title, Digest: applied.Patch.Digest,
			Tree: history.tree.String(), Commit: history.commit.String(),
		})
		t.Applied = append(t.Applied, AppliedPatch{File: applied.Patch.File, Hunks: applied.Hunks})
		step.Set(int64(i+1), int64(len(result.Patches)))
	}
	if added.library != nil {
		t.Series.Library = added.library.Digest
		if err := history.addLibrary(added.library, t.Tree.Layout); err != nil {
			return err
		}
	}
	t.Series.Tree, t.Series.Commit = history.tree.String(), history.commit.String()
	return store.SetMain(history.commit)
}

// Checkout makes the worktree equal to the patched tree. Files that are right
// already are left alone, so that the compiler's cache keeps its worth.
func (p *Pipeline) Checkout(ctx context.Context, tree *Patched) error {
	store, err := gittree.Open(tree.Tree.Dir)
	if err != nil {
		return err
	}
	defer store.Close()
	step := p.progress.Step("checkout", progress.Files)
	defer step.Abort()
	written, err := store.Checkout(ctx, plumbing.NewHash(tree.Series.Tree), tree.Tree.Worktree, step.Set)
	if err != nil {
		return fmt.Errorf("bringing the patched tree to %s: %w", tree.Tree.Worktree, err)
	}
	step.Done(fmt.Sprintf("%d files written", written))
	return nil
}

// PrintPatched writes what was applied, and where each hunk was found, for people, or as
// JSON that there was no conflict.
func (p *Pipeline) PrintPatched(tree *Patched, asJSON bool) error {
	if asJSON {
		return p.printConflicts(&series.ConflictError{Conflicts: []series.Conflict{}})
	}
	out := p.config.Results
	fmt.Fprintf(out, "%s (series digest %s)\n", tree.Version(), tree.Series.Digest)
	for i, patch := range tree.Series.Patches {
		fmt.Fprintf(out, "\n%s  %s\n", patch.File, patch.Title)
		for _, hunk := range tree.Applied[i].Hunks {
			fmt.Fprintf(out, "  %s: hunk %d at line %d (offset %+d)\n", hunk.File, hunk.Hunk, hunk.Found, hunk.Offset)
		}
		fmt.Fprintf(out, "  tree %s\n", patch.Tree)
	}
	_, err := fmt.Fprintf(out, "\nresult    tree %s, commit %s\nlocation  %s\n", tree.Series.Tree, tree.Series.Commit, tree.Tree.Worktree)
	return err
}

// ReportConflicts prints every hunk that did not apply, for people or as JSON,
// where err is about that, and returns err.
func (p *Pipeline) ReportConflicts(err error, asJSON bool) error {
	var conflicts *series.ConflictError
	if !errors.As(err, &conflicts) {
		return err
	}
	if !asJSON {
		return errors.Join(err, conflicts.Report(p.config.Results))
	}
	return errors.Join(err, p.printConflicts(conflicts))
}

func (p *Pipeline) printConflicts(conflicts *series.ConflictError) error {
	encoder := json.NewEncoder(p.config.Results)
	encoder.SetIndent("", "  ")
	return encoder.Encode(conflicts)
}
