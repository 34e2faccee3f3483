// Package workbench lays out a tag's published sources for a person to edit: a git
// repository in the folder git, and a worktree of it in the folder src beside it, whose
// commits are the patches of a series.
//
// No git program is needed, and one can be used: in src, git finds the repository by the
// file .git beside it. There is no .git in the worktree, so everything in it is the source.
package workbench

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
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/roottree"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// Bench is an open workbench. It must not be used concurrently.
type Bench struct {
	dir   string
	store *gittree.Store
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

// SeriesBranch is the branch that the patches of a series are committed to.
const SeriesBranch = "series"

// Create copies the sources of tags to dir, which must not exist: the root module of
// each, and of its staging modules the named files. Each tag is a commit on top of the
// one before it, which a tag of git's names. The files and the branch are those of the
// first. dir is whole or absent, also when the process ends.
func Create(ctx context.Context, dir string, tags []*source.Published, paths []string) (*Bench, []Point, error) {
	unfinished := dir + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(unfinished)
	points, err := fill(ctx, unfinished, tags, paths)
	if err == nil {
		err = os.Rename(unfinished, dir)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("laying out Kubernetes in %s: %w", dir, err)
	}
	bench, err := Open(dir)
	return bench, points, err
}

func fill(ctx context.Context, dir string, tags []*source.Published, paths []string) ([]Point, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	// With this file git finds the repository from the worktree, and not another one that
	// the folder may lie in.
	if err := os.WriteFile(filepath.Join(dir, ".git"), []byte("gitdir: git\n"), 0o644); err != nil {
		return nil, err
	}
	bench, err := Open(dir)
	if err != nil {
		return nil, err
	}
	defer bench.Close()
	trees := make([]plumbing.Hash, len(tags))
	for i, tag := range slices.Backward(tags) { // the files of the first stay
		if trees[i], err = bench.copyTag(ctx, tag, paths); err != nil {
			return nil, fmt.Errorf("%s: %w", tag.Entry.Version, err)
		}
	}
	points := make([]Point, len(tags))
	at := Point{}
	for i, tag := range tags {
		text := gittree.CommitText{Subject: "Kubernetes " + tag.Entry.Version.String(), Body: "The published sources.", When: tag.Entry.Time}
		if at, err = bench.commit(at, trees[i], text); err != nil {
			return nil, err
		}
		if err := bench.store.SetTag(tag.Entry.Version.String(), at.Commit); err != nil {
			return nil, err
		}
		points[i] = at
	}
	return points, errors.Join(bench.store.SetHead(SeriesBranch), bench.store.MoveHead(points[0].Commit))
}

// copyTag makes the worktree the sources of a tag, and returns their tree.
func (b *Bench) copyTag(ctx context.Context, tag *source.Published, paths []string) (plumbing.Hash, error) {
	worktree := b.Worktree()
	if err := os.RemoveAll(worktree); err != nil {
		return plumbing.ZeroHash, err
	}
	if err := os.CopyFS(worktree, os.DirFS(tag.Root)); err != nil {
		return plumbing.ZeroHash, err
	}
	files := roottree.NewFiles(tag)
	for _, path := range roottree.Staging(paths) {
		file, err := files.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = write(worktree, path, file)
		}
		if err != nil {
			return plumbing.ZeroHash, err
		}
	}
	return b.store.Snapshot(ctx, worktree, nil)
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

// Open opens the bench in dir.
func Open(dir string) (*Bench, error) {
	store, err := gittree.Open(dir)
	if err != nil {
		return nil, err
	}
	return &Bench{dir: dir, store: store}, nil
}

// Close releases the bench.
func (b *Bench) Close() error { return b.store.Close() }

// Worktree is the folder with the files.
func (b *Bench) Worktree() string { return filepath.Join(b.dir, "src") }

// Commit makes what a draft changes on top of a point, as one commit of the draft's
// author. No branch is moved, and the worktree stays as it is.
func (b *Bench) Commit(on Point, draft series.Draft) (Point, error) {
	tree, err := b.Edit(on.Tree, draft.Files)
	if err != nil {
		return Point{}, err
	}
	author := draft.Author
	return b.commit(on, tree, gittree.CommitText{
		Subject: draft.Title, Body: draft.Body, When: author.When,
		Author: &object.Signature{Name: author.Name, Email: author.Email, When: author.When},
	})
}

func (b *Bench) commit(on Point, tree plumbing.Hash, text gittree.CommitText) (Point, error) {
	var parents []plumbing.Hash
	if !on.Commit.IsZero() {
		parents = append(parents, on.Commit)
	}
	id, err := b.store.Commit(tree, parents, text)
	return Point{id, tree}, err
}

// Move makes the branch that is checked out, and the worktree, equal to a point.
func (b *Bench) Move(ctx context.Context, to Point) error {
	if _, err := b.store.Checkout(ctx, to.Tree, b.Worktree(), nil); err != nil {
		return err
	}
	return errors.Join(b.store.MoveHead(to.Commit), b.store.Attach(to.Tree, "../src"))
}

// Branch makes another branch, which is not checked out, point at a point.
func (b *Bench) Branch(name string, at Point) error { return b.store.SetBranch(name, at.Commit) }

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
