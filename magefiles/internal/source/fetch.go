package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/layout"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/workspace"
)

// Tree is a verified source tree: a git repository whose first commit is the
// pristine source, and the path of its worktree, which may hold a later commit.
type Tree struct {
	Request Request
	Layout  layout.Layout
	Origin  Origin
	// Key identifies the tree by the inputs that led to it.
	Key workspace.Key
	// Dir holds the repository, Worktree the files.
	Dir, Worktree string
	// Commit and TreeID are the pristine source's.
	Commit, TreeID plumbing.Hash
	// Cached says that the tree was there already.
	Cached bool
}

// record is what the workspace remembers of a fetched tree.
type record struct {
	Commit, Tree string
	Layout       layout.Layout
	Origin       Origin
}

// content identifies what was at the request's location, as Fetcher.look does.
func (r record) content() string {
	switch r.Origin.Kind {
	case Dir:
		return r.Origin.Commit + " " + r.Tree
	case Archive:
		return r.Origin.SHA256
	}
	return r.Origin.Commit
}

// Fetch returns the tree that is asked for, from the workspace where it is there
// already: what is at the request's location now is what was copied from there. An
// error leaves nothing behind in the workspace.
func (f Fetcher) Fetch(ctx context.Context, space *workspace.Workspace, request Request) (*Tree, error) {
	request, err := f.resolve(ctx, space, request)
	if err != nil {
		return nil, err
	}
	if request, err = f.look(ctx, space, request); err != nil {
		return nil, fmt.Errorf("fetching Kubernetes %s from source %s: %w", request.Version, request.Kind, err)
	}
	tree := &Tree{Request: request, Key: request.key(request.content), Dir: request.dir(space)}
	tree.Worktree = filepath.Join(tree.Dir, "src")
	var known record
	if space.Recall("source", tree.Key, &known) && f.whole(tree.Dir, known) {
		tree.fill(known)
		tree.Cached = true
		return tree, nil
	}
	temporary, err := space.TempDir()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temporary)
	known, err = f.fetchInto(ctx, request, temporary)
	if err == nil && request.content != "" && request.content != known.content() {
		err = fmt.Errorf("%s was changed while it was read: run this again", request.Location)
	}
	if err != nil {
		return nil, fmt.Errorf("fetching Kubernetes %s from source %s: %w", request.Version, request.Kind, err)
	}
	if err := install(temporary, tree.Dir); err != nil {
		return nil, fmt.Errorf("keeping the tree of Kubernetes %s: %w", request.Version, err)
	}
	if err := f.remember(space, request, known); err != nil {
		return nil, err
	}
	tree.fill(known)
	return tree, nil
}

func (t *Tree) fill(known record) {
	t.Commit, t.TreeID = plumbing.NewHash(known.Commit), plumbing.NewHash(known.Tree)
	t.Layout, t.Origin = known.Layout, known.Origin
}

// whole reports whether a tree is the one that a record speaks of and its repository can
// be read, after a repair where one is needed and possible. Where it can't, the tree is
// fetched again.
func (f Fetcher) whole(dir string, known record) bool {
	if !exists(dir) {
		return false
	}
	if !gittree.Whole(dir) {
		f.Progress.Say("%s was left incomplete, by a run that was killed, and is repaired", dir)
		if err := repair(dir, plumbing.NewHash(known.Tree)); err != nil {
			f.Progress.Say("it can't be repaired, and is fetched again: %v", err)
			return false
		}
	}
	// What was at the location since may have taken the place.
	store, err := gittree.Open(dir)
	if err != nil {
		return false
	}
	defer store.Close()
	return store.Has(plumbing.NewHash(known.Commit))
}

// repair opens a repository, which makes it whole as far as that is possible, and looks
// for the whole tree in it.
func repair(dir string, tree plumbing.Hash) error {
	store, err := gittree.Open(dir)
	if err != nil {
		return err
	}
	entries, err := store.Entries(tree)
	if err == nil && !gittree.Whole(dir) {
		err = fmt.Errorf("of its %d files, some are in a packfile that is gone", len(entries))
	}
	return errors.Join(err, store.Close())
}

// install moves a finished tree to its place, instead of an earlier one that no
// record speaks of.
func install(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// fetchInto fills dir with a worktree and its repository.
func (f Fetcher) fetchInto(ctx context.Context, request Request, dir string) (record, error) {
	store, err := gittree.Open(dir)
	if err != nil {
		return record{}, err
	}
	defer store.Close()
	worktree := filepath.Join(dir, "src")
	if err := os.Mkdir(worktree, 0o755); err != nil {
		return record{}, err
	}
	origin, tree, err := f.fill(ctx, request, store, worktree)
	if err != nil {
		return record{}, err
	}
	found, err := layoutOf(worktree, request)
	if err != nil {
		return record{}, err
	}
	if found == layout.Upstream {
		if err := origin.proveRoot(worktree, request); err != nil {
			return record{}, err
		}
	}
	if err := origin.checkRelease(worktree, found, request); err != nil {
		return record{}, err
	}
	commit, err := store.Commit(tree, nil, gittree.CommitText{
		Subject: "Kubernetes " + request.Version.String(),
		Body:    "The pristine source, as fetched from source " + string(request.Kind) + ".",
		When:    request.Entry.Time,
	})
	if err != nil {
		return record{}, err
	}
	return record{Commit: commit.String(), Tree: tree.String(), Layout: found, Origin: origin}, nil
}

// fill brings the source into the worktree, and its objects into the store.
func (f Fetcher) fill(ctx context.Context, request Request, store *gittree.Store, worktree string) (Origin, plumbing.Hash, error) {
	fetch := map[Kind]func(context.Context, Request, string) (Origin, error){
		Module: f.fetchModule, Archive: f.fetchArchive, Dir: f.fetchDir,
	}[request.Kind]
	if fetch == nil {
		return f.fetchGit(ctx, request, store, worktree)
	}
	origin, err := fetch(ctx, request, worktree)
	if err != nil {
		return Origin{}, plumbing.ZeroHash, err
	}
	step := f.Progress.Step("record", progress.Files)
	defer step.Abort()
	tree, err := store.Snapshot(ctx, worktree, step.Set)
	if err != nil {
		return Origin{}, plumbing.ZeroHash, fmt.Errorf("recording the tree: %w", err)
	}
	step.Done("")
	return origin, tree, nil
}

// layoutOf detects a worktree's layout, and holds it against the wanted one.
func layoutOf(worktree string, request Request) (layout.Layout, error) {
	found, err := layout.Detect(func(path string) bool { return exists(filepath.Join(worktree, path)) })
	if err != nil {
		return "", fmt.Errorf("the source is no Kubernetes tree: %w", err)
	}
	if request.Layout != "" && request.Layout != found {
		return "", fmt.Errorf("the tree is in the %s layout, not in the %s one: leave -layout out, or correct it", found, request.Layout)
	}
	return found, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
