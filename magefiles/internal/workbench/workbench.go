// Package workbench lays out a tag's published sources for a person to edit: a git
// repository in the folder git, and a worktree of it in the folder src beside it, whose
// commits are the patches of a series.
//
// No git program is needed, and one can be used: `git --git-dir=DIR/git` works on src.
// There is no .git in the worktree, so everything in it is the source.
package workbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/roottree"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// Bench is an open workbench. It must not be used concurrently.
type Bench struct {
	dir   string
	store *gittree.Store
	// when is the date of every commit.
	when time.Time
}

// Point is a place in a bench's history. In JSON it has the IDs in hexadecimal.
type Point struct{ Commit, Tree plumbing.Hash }

// pointText is a Point in JSON.
type pointText struct {
	Commit string `json:"commit"`
	Tree   string `json:"tree"`
}

// MarshalJSON writes what UnmarshalJSON reads.
func (p Point) MarshalJSON() ([]byte, error) {
	return json.Marshal(pointText{p.Commit.String(), p.Tree.String()})
}

// UnmarshalJSON refuses IDs that are not whole.
func (p *Point) UnmarshalJSON(data []byte) error {
	var text pointText
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	if !plumbing.IsHash(text.Commit) || !plumbing.IsHash(text.Tree) {
		return fmt.Errorf("%q and %q are not the IDs of a commit and a tree", text.Commit, text.Tree)
	}
	p.Commit, p.Tree = plumbing.NewHash(text.Commit), plumbing.NewHash(text.Tree)
	return nil
}

// Create copies a tag's sources to dir, which must not exist: the root module, and of its
// staging modules the named files. It returns the bench and its first commit. dir is
// whole or absent, also when the process ends.
func Create(ctx context.Context, dir string, published *source.Published, paths []string) (*Bench, Point, error) {
	unfinished := dir + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return nil, Point{}, err
	}
	defer os.RemoveAll(unfinished)
	point, err := fill(ctx, unfinished, published, paths)
	if err == nil {
		err = os.Rename(unfinished, dir)
	}
	if err != nil {
		return nil, Point{}, fmt.Errorf("laying out Kubernetes %s in %s: %w", published.Entry.Version, dir, err)
	}
	bench, err := Open(dir, published.Entry.Time)
	return bench, point, err
}

func fill(ctx context.Context, dir string, published *source.Published, paths []string) (Point, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Point{}, err
	}
	worktree := filepath.Join(dir, "src")
	if err := os.CopyFS(worktree, os.DirFS(published.Root)); err != nil {
		return Point{}, err
	}
	files := roottree.NewFiles(published)
	for _, path := range roottree.Staging(paths) {
		file, err := files.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Point{}, err
		}
		if err := write(worktree, path, file); err != nil {
			return Point{}, err
		}
	}
	bench, err := Open(dir, published.Entry.Time)
	if err != nil {
		return Point{}, err
	}
	defer bench.Close()
	tree, err := bench.store.Snapshot(ctx, worktree, nil)
	if err != nil {
		return Point{}, err
	}
	return bench.commit(Point{}, tree, "Kubernetes "+published.Entry.Version.String(), "The published sources.")
}

// write puts one file into a folder that nobody else uses yet.
func write(root, name string, file series.File) error {
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if file.Executable {
		mode = 0o755
	}
	return os.WriteFile(path, file.Data, mode)
}

// Open opens the bench in dir. when is the date of the commits that are made.
func Open(dir string, when time.Time) (*Bench, error) {
	store, err := gittree.Open(dir)
	if err != nil {
		return nil, err
	}
	return &Bench{dir: dir, store: store, when: when}, nil
}

// Close releases the bench.
func (b *Bench) Close() error { return b.store.Close() }

// Worktree is the folder with the files.
func (b *Bench) Worktree() string { return filepath.Join(b.dir, "src") }

// Repository is the folder that git's own programs take as --git-dir.
func (b *Bench) Repository() string { return filepath.Join(b.dir, "git") }

// Commit makes changes on top of a point, as one commit. The worktree stays as it is.
func (b *Bench) Commit(on Point, changes []series.FileChange, title, body string) (Point, error) {
	tree, err := b.Edit(on.Tree, changes)
	if err != nil {
		return Point{}, err
	}
	return b.commit(on, tree, title, body)
}

func (b *Bench) commit(on Point, tree plumbing.Hash, title, body string) (Point, error) {
	var parents []plumbing.Hash
	if !on.Commit.IsZero() {
		parents = append(parents, on.Commit)
	}
	id, err := b.store.Commit(tree, parents, gittree.CommitText{Subject: title, Body: body, When: b.when})
	if err != nil {
		return Point{}, err
	}
	return Point{id, tree}, b.store.SetMain(id)
}

// Edit returns the tree that changes make of another one.
func (b *Bench) Edit(tree plumbing.Hash, changes []series.FileChange) (plumbing.Hash, error) {
	var edits []gittree.Change
	for _, change := range changes {
		edit := gittree.Change{Path: change.Path, Delete: change.New == nil}
		if change.New != nil {
			edit.Data, edit.Executable = change.New.Data, change.New.Executable
		}
		edits = append(edits, edit)
	}
	return b.store.Edit(tree, edits)
}

// Checkout makes the worktree equal to a tree.
func (b *Bench) Checkout(ctx context.Context, tree plumbing.Hash) error {
	_, err := b.store.Checkout(ctx, tree, b.Worktree(), nil)
	return err
}

// Attach lets git's own programs see the worktree as a checkout of a tree.
func (b *Bench) Attach(tree plumbing.Hash) error { return b.store.Attach(tree, "../src") }

// Paths lists the files of a tree.
func (b *Bench) Paths(tree plumbing.Hash) ([]string, error) { return b.store.Paths(tree) }

// Files reads a tree.
func (b *Bench) Files(tree plumbing.Hash) series.Files { return treeFiles{b.store, tree} }

type treeFiles struct {
	store *gittree.Store
	tree  plumbing.Hash
}

func (f treeFiles) ReadFile(path string) (series.File, error) {
	data, executable, err := f.store.ReadFile(f.tree, path)
	return series.File{Data: data, Executable: executable}, err
}
