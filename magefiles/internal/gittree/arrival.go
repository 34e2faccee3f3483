package gittree

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/steadylet/steadylet/magefiles/internal/gitpack"
)

// arrival puts a tag's files in place while its objects are being received: by
// then they are decompressed and hashed, which is most of what a checkout costs.
// It also finds out whether everything has come.
//
// Git sends nearly all folders before the first file. A file that comes before
// its folder is left to be read again.
type arrival struct {
	tag     plumbing.Hash
	placers []*placer // one for each worker; none without a worktree

	mutex   sync.RWMutex
	objects map[plumbing.Hash]object.Object
	trees   map[plumbing.Hash][]object.TreeEntry
	// listed is set when the listing has begun, and awaited then holds the folders
	// whose tree has not arrived.
	listed  bool
	listing listing
	awaited map[plumbing.Hash][]string
	fetched Fetched
	files   []*arriving
	wanted  map[plumbing.Hash][]*arriving
}

// arriving is a file of the tag.
type arriving struct {
	file
	placed bool
}

// newArrival prepares for the objects of a tag. A worktree that is not empty is
// left for Checkout to deal with.
func newArrival(tag plumbing.Hash, worktree string, workers int) (*arrival, error) {
	a := &arrival{
		tag: tag, objects: map[plumbing.Hash]object.Object{}, trees: map[plumbing.Hash][]object.TreeEntry{},
		awaited: map[plumbing.Hash][]string{}, wanted: map[plumbing.Hash][]*arriving{},
	}
	a.listing = listing{entries: a.entries, found: a.want}
	if worktree == "" {
		return a, nil
	}
	there, err := os.ReadDir(worktree)
	if err != nil || len(there) > 0 {
		return a, err
	}
	if err := removeStamp(worktree); err != nil {
		return a, err
	}
	for range workers {
		placer, err := newPlacer(worktree)
		if err != nil {
			return a, errors.Join(err, a.close())
		}
		a.placers = append(a.placers, placer)
	}
	return a, nil
}

func (a *arrival) close() error {
	var err error
	for _, placer := range a.placers {
		err = errors.Join(err, placer.close())
	}
	return err
}

// Visit implements gitpack.Visitor.
func (a *arrival) Visit(worker int, arrived gitpack.Object) error {
	if arrived.Kind != plumbing.BlobObject {
		return a.keep(arrived)
	}
	if len(a.placers) == 0 {
		return nil
	}
	files, err := a.wantedOf(arrived.ID)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.placed {
			continue
		}
		if err := a.placers[worker].place(&f.file, arrived.Content); err != nil {
			return fmt.Errorf("writing %s: %w", f.Path, err)
		}
		f.placed = true // nobody else has these: an object arrives once
	}
	return nil
}

// wantedOf lists the files with a blob's content that are known by now.
func (a *arrival) wantedOf(blob plumbing.Hash) ([]*arriving, error) {
	a.mutex.RLock()
	listed, files := a.listed, a.wanted[blob]
	a.mutex.RUnlock()
	if listed {
		return files, nil
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	err := a.list()
	return a.wanted[blob], err
}

// keep remembers what leads to the files, and lists those that it leads to.
func (a *arrival) keep(arrived gitpack.Object) error {
	encoded := &plumbing.MemoryObject{}
	encoded.SetType(arrived.Kind)
	if _, err := encoded.Write(arrived.Content); err != nil {
		return err
	}
	decoded, err := object.DecodeObject(nil, encoded)
	if err != nil {
		return fmt.Errorf("%w: %s %s: %w", ErrTruncated, arrived.Kind, arrived.ID, err)
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	tree, ok := decoded.(*object.Tree)
	if !ok {
		a.objects[arrived.ID] = decoded
		return nil
	}
	a.trees[arrived.ID] = tree.Entries
	folders := a.awaited[arrived.ID]
	delete(a.awaited, arrived.ID)
	for _, folder := range folders {
		if err := a.listing.walk(arrived.ID, folder); err != nil {
			return err
		}
	}
	return nil
}

// list follows the tag to its commit, and lists the commit's files as far as
// their folders have arrived. Nothing is listed as long as the commit is missing.
func (a *arrival) list() error {
	if a.listed {
		return nil
	}
	commit, err := peel(a.tag, func(id plumbing.Hash) (object.Object, error) {
		if found, ok := a.objects[id]; ok {
			return found, nil
		}
		if _, ok := a.trees[id]; ok {
			return &object.Tree{Hash: id}, nil
		}
		return nil, fmt.Errorf("%s: %w", id, plumbing.ErrObjectNotFound)
	})
	if err != nil {
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			err = nil
		}
		return err
	}
	a.listed = true
	a.fetched = Fetched{Commit: commit.Hash, Tree: commit.TreeHash, When: commit.Committer.When}
	return a.listing.walk(commit.TreeHash, "")
}

// entries returns what is in a folder, as far as its tree has arrived.
func (a *arrival) entries(tree plumbing.Hash, folder string) ([]object.TreeEntry, error) {
	entries, ok := a.trees[tree]
	if !ok {
		a.awaited[tree] = append(a.awaited[tree], folder)
	}
	return entries, nil
}

func (a *arrival) want(f file) {
	arriving := &arriving{file: f}
	a.files = append(a.files, arriving)
	a.wanted[f.ID] = append(a.wanted[f.ID], arriving)
}

// Complete implements gitpack.Visitor: everything that the tag leads to must have
// arrived.
func (a *arrival) Complete(index *idxfile.MemoryIndex) error {
	if err := a.list(); err != nil {
		return err
	}
	if !a.listed {
		return fmt.Errorf("%w: the tag's commit is missing", ErrTruncated)
	}
	for tree, folders := range a.awaited {
		return fmt.Errorf("%w: the folder %q (%s) is missing", ErrTruncated, folders[0], tree)
	}
	for _, f := range a.files {
		if there, err := index.Contains(f.ID); err != nil || !there {
			return fmt.Errorf("%w: the content of %s (%s) is missing", ErrTruncated, f.Path, f.ID)
		}
	}
	return nil
}

// split returns the files in place, and the others.
func (a *arrival) split() (placed, rest []file) {
	for _, f := range a.files {
		if f.placed {
			placed = append(placed, f.file)
		} else {
			rest = append(rest, f.file)
		}
	}
	return placed, rest
}
