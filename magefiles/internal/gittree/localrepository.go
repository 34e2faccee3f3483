package gittree

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/steadylet/steadylet/magefiles/internal/gitpack"
)

// localRepository reads the objects of a repository on this machine, those it
// borrows from others included. (go-git opens such a lender again for every
// object.) It must not be used concurrently.
type localRepository struct {
	storages []*filesystem.Storage
	packs    []*gitpack.Source
}

func openLocal(gitDir string) (*localRepository, error) {
	folders, err := lenders(filepath.Join(gitDir, "objects"), nil)
	if err != nil {
		return nil, err
	}
	r := &localRepository{}
	for _, folder := range folders {
		packs, err := gitpack.OpenSources(filepath.Join(folder, "pack"))
		if err != nil {
			r.close()
			return nil, err
		}
		r.packs = append(r.packs, packs...)
		r.storages = append(r.storages, openStorage(filepath.Dir(folder)))
	}
	return r, nil
}

// close ends reading; there is nothing that could get lost.
func (r *localRepository) close() {
	gitpack.CloseSources(r.packs)
	for _, storage := range r.storages {
		storage.Close()
	}
}

// lenders lists a folder of objects, and those that it borrows from, one after
// the other (git's Documentation/gitrepository-layout.txt, "alternates").
func lenders(objects string, known []string) ([]string, error) {
	if slices.Contains(known, objects) {
		return known, nil
	}
	known = append(known, objects)
	list, err := os.Open(filepath.Join(objects, "info", "alternates"))
	if errors.Is(err, fs.ErrNotExist) {
		return known, nil
	}
	if err != nil {
		return nil, err
	}
	defer list.Close()
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		lender := lines.Text()
		if lender == "" || lender[0] == '#' {
			continue
		}
		if !filepath.IsAbs(lender) {
			lender = filepath.Join(objects, lender)
		}
		if known, err = lenders(filepath.Clean(lender), known); err != nil {
			return nil, err
		}
	}
	return known, lines.Err()
}

// encoded finds an object.
func (r *localRepository) encoded(id plumbing.Hash) (plumbing.EncodedObject, error) {
	for _, storage := range r.storages {
		found, err := storage.EncodedObject(plumbing.AnyObject, id)
		if !errors.Is(err, plumbing.ErrObjectNotFound) {
			return found, err
		}
	}
	return nil, fmt.Errorf("object %s: %w", id, plumbing.ErrObjectNotFound)
}

func (r *localRepository) object(id plumbing.Hash) (object.Object, error) {
	encoded, err := r.encoded(id)
	if err != nil {
		return nil, err
	}
	found, err := object.DecodeObject(nil, encoded)
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", id, err)
	}
	return found, nil
}

// loose reads an object that is in none of the packfiles.
func (r *localRepository) loose(id plumbing.Hash) (gitpack.Packed, error) {
	encoded, err := r.encoded(id)
	if err != nil {
		return gitpack.Packed{}, err
	}
	reader, err := encoded.Reader()
	if err != nil {
		return gitpack.Packed{}, fmt.Errorf("object %s: %w", id, err)
	}
	content, err := io.ReadAll(reader)
	if err = errors.Join(err, reader.Close()); err != nil {
		return gitpack.Packed{}, fmt.Errorf("object %s: %w", id, err)
	}
	return gitpack.Pack(encoded.Type(), content)
}

// reachable lists what a tag leads to, each object once: first what leads to the
// files, then the files.
func (r *localRepository) reachable(tag plumbing.Hash) (groups [][]plumbing.Hash, err error) {
	var structure, blobs []plumbing.Hash
	commit, err := peel(tag, func(id plumbing.Hash) (object.Object, error) {
		structure = append(structure, id)
		return r.object(id)
	})
	if err != nil {
		return nil, err
	}
	seen := map[plumbing.Hash]bool{}
	var walk func(tree plumbing.Hash) error
	walk = func(tree plumbing.Hash) error {
		structure = append(structure, tree)
		found, err := r.object(tree)
		if err != nil {
			return err
		}
		folder, ok := found.(*object.Tree)
		if !ok {
			return fmt.Errorf("object %s is a %s, not a folder", tree, found.Type())
		}
		for _, entry := range folder.Entries {
			if seen[entry.Hash] {
				continue
			}
			seen[entry.Hash] = true
			if entry.Mode.IsFile() {
				blobs = append(blobs, entry.Hash)
			} else if err := walk(entry.Hash); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(commit.TreeHash); err != nil {
		return nil, err
	}
	return [][]plumbing.Hash{structure, blobs}, nil
}

// gitDirOf finds git's own folder of a repository, bare or not.
func gitDirOf(folder string) (string, error) {
	inner := filepath.Join(folder, ".git")
	info, err := os.Lstat(inner)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return folder, nil
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", fmt.Errorf("%w: %s is a linked worktree: name the repository that it belongs to", ErrUnreachable, folder)
	}
	return inner, nil
}
