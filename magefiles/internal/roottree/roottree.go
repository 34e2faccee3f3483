// Package roottree reads a tag's sources as its modules were published, in the upstream
// layout, and knows the git tree of them.
//
// The root module k8s.io/kubernetes is what every tag has that can be had at all, and
// the checksum database vouches for it. So its tree ID, before and after each patch,
// says the same for everybody and for every tag. Of the staging modules, which the root
// module lacks, a tree has exactly the files that it is told of.
package roottree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

const stagingFolder = "staging/src/"

// StagingModules returns the staging modules that paths of the upstream layout lie in,
// sorted and without repetition.
func StagingModules(paths []string) []string {
	var modules []string
	for _, path := range paths {
		if module, _, ok := splitStaging(path); ok {
			modules = append(modules, module)
		}
	}
	slices.Sort(modules)
	return slices.Compact(modules)
}

// Staging returns those of the paths that lie in a staging module.
func Staging(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool { _, _, ok := splitStaging(path); return !ok })
}

// splitStaging takes staging/src/k8s.io/NAME/REST apart.
func splitStaging(path string) (module, rest string, ok bool) {
	below, ok := strings.CutPrefix(path, stagingFolder)
	if !ok {
		return "", "", false
	}
	parts := strings.SplitN(below, "/", 3)
	if len(parts) < 3 {
		return "", "", false
	}
	return parts[0] + "/" + parts[1], parts[2], true
}

// Files reads the published files of a tag. It is safe for concurrent use.
type Files struct{ published *source.Published }

// NewFiles returns the files of a tag.
func NewFiles(published *source.Published) Files { return Files{published} }

// ReadFile implements series.Files. A staging module that can't be had gives an error
// that matches source.ErrUnavailable, not fs.ErrNotExist: nothing is known of its files.
func (f Files) ReadFile(path string) (series.File, error) {
	dir, name := f.published.Root, path
	if module, rest, ok := splitStaging(path); ok {
		if err := f.published.Unavailable[module]; err != nil {
			return series.File{}, err
		}
		if dir, name = f.published.Staging[module], rest; dir == "" {
			return series.File{}, fmt.Errorf("%w: module %s was not asked for", source.ErrUnavailable, module)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return series.File{}, err
	}
	defer root.Close()
	return series.FromFS(root.FS()).ReadFile(name)
}

// Tree is the git tree of a tag's published files.
type Tree struct {
	Files
	store *gittree.Store
	// ID is that of the root module's files and of the staging files that were named.
	ID plumbing.Hash
	// paths are the files' paths. Listing them means to read every folder, so it is done
	// once.
	paths func() ([]string, error)
}

// Describe reads the whole root module of a tag and returns its ID. It is the part that
// takes time, in proportion to the files' size.
func Describe(ctx context.Context, store *gittree.Store, published *source.Published) (plumbing.Hash, error) {
	return store.Describe(ctx, published.Root)
}

// New returns the tree of a root module whose ID is known to be root, with those of the
// staging paths that there are. The paths of the root module must still hold what root
// has there; the error matches gittree.ErrAltered where one does not.
func New(store *gittree.Store, published *source.Published, root plumbing.Hash, paths []string) (*Tree, error) {
	tree := &Tree{Files: NewFiles(published), store: store, ID: root}
	var added []gittree.Change
	for _, path := range paths {
		file, err := tree.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if _, _, staging := splitStaging(path); staging {
			added = append(added, gittree.Change{Path: path, Data: file.Data, Executable: file.Executable})
		} else if err := store.Holds(root, path, file.Data); err != nil {
			return nil, fmt.Errorf("reading the module cache: %w; empty it with `go clean -modcache`", err)
		}
	}
	id, err := store.Edit(root, added)
	if err != nil {
		return nil, err
	}
	tree.ID = id
	tree.paths = sync.OnceValues(func() ([]string, error) { return store.Paths(id) })
	return tree, nil
}

// Where names files that have the name of a missing one, the nearest folder first, at
// most so many.
func (t *Tree) Where(missing string, most int) ([]string, error) {
	paths, err := t.paths()
	if err != nil {
		return nil, fmt.Errorf("looking for %s elsewhere: %w", missing, err)
	}
	found := series.Where(missing, paths)
	return found[:min(len(found), most)], nil
}

// After returns the ID of the tree after each patch of a result that was computed on t.
func (t *Tree) After(result *series.Result) ([]plumbing.Hash, error) {
	return After(t.store, t.ID, result)
}

// After stores the tree after each patch of a result that was computed on a tree in the
// upstream layout, and returns their IDs. Nothing is checked out.
func After(store *gittree.Store, id plumbing.Hash, result *series.Result) ([]plumbing.Hash, error) {
	var after []plumbing.Hash
	for _, applied := range result.Patches {
		var changes []gittree.Change
		for _, change := range applied.Changes {
			changes = append(changes, gittree.Change{
				Path: change.Path, Data: change.Data, Executable: change.Executable, Delete: change.Kind == series.Delete,
			})
		}
		edited, err := store.Edit(id, changes)
		if err != nil {
			return nil, fmt.Errorf("computing the tree after %s: %w", applied.Patch.File, err)
		}
		id = edited
		after = append(after, id)
	}
	return after, nil
}
