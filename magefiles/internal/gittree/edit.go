package gittree

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Change is one file that Edit writes or deletes.
type Change struct {
	// Path uses slashes and is relative to the tree's root.
	Path       string
	Data       []byte
	Executable bool
	// Delete removes the file; it must be there.
	Delete bool
}

// ErrPath is matched by the error for a path that has no place in a tree.
var ErrPath = errors.New("path does not lie in the tree")

// Edit returns the tree that the changes, in order, make of another one. Only
// the tree objects on the changed paths are written. Neither tree is checked out.
func (s *Store) Edit(tree plumbing.Hash, changes []Change) (plumbing.Hash, error) {
	for _, change := range changes {
		if !validPath(change.Path) {
			return plumbing.ZeroHash, fmt.Errorf("editing %q: %w", change.Path, ErrPath)
		}
		edited, err := s.edit(tree, strings.Split(change.Path, "/"), change)
		if err != nil {
			return plumbing.ZeroHash, fmt.Errorf("editing %s: %w", change.Path, err)
		}
		tree = edited
	}
	return tree, nil
}

// validPath accepts what a checkout can write inside its worktree and nothing
// else: no absolute path, no "..", nothing of git's own.
func validPath(path string) bool {
	if !fs.ValidPath(path) || path == "." || strings.Contains(path, `\`) {
		return false
	}
	return !slices.ContainsFunc(strings.Split(path, "/"), func(name string) bool { return !validName(name) })
}

// validName accepts one element of a path. (Git's folder is refused however it
// is written, for file systems that fold case.)
func validName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\\\x00") && !strings.EqualFold(name, ".git")
}

// edit rewrites the tree for one change whose path, from here on, is elements.
// It returns the zero hash for a tree that became empty.
func (s *Store) edit(tree plumbing.Hash, elements []string, change Change) (plumbing.Hash, error) {
	entries, err := s.entries(tree)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	name := elements[0]
	at := slices.IndexFunc(entries, func(entry object.TreeEntry) bool { return entry.Name == name })
	replacement, err := s.replacement(entries, at, elements, change)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	entries = slices.Clone(entries)
	if at >= 0 {
		entries = slices.Delete(entries, at, at+1)
	}
	if !replacement.Hash.IsZero() {
		entries = append(entries, replacement)
	}
	if len(entries) == 0 {
		return plumbing.ZeroHash, nil
	}
	return s.putTree(entries)
}

// replacement is what takes the place of the entry at index at, or nothing.
func (s *Store) replacement(entries []object.TreeEntry, at int, elements []string, change Change) (object.TreeEntry, error) {
	entry := object.TreeEntry{Name: elements[0], Mode: filemode.Dir}
	if len(elements) > 1 {
		below := plumbing.ZeroHash
		if at >= 0 {
			if entries[at].Mode != filemode.Dir {
				return entry, fmt.Errorf("%s is a file, not a folder: %w", elements[0], ErrPath)
			}
			below = entries[at].Hash
		}
		edited, err := s.edit(below, elements[1:], change)
		entry.Hash = edited
		return entry, err
	}
	if at >= 0 && entries[at].Mode == filemode.Dir {
		return entry, fmt.Errorf("it is a folder: %w", ErrPath)
	}
	if change.Delete {
		if at < 0 {
			return entry, fs.ErrNotExist
		}
		return object.TreeEntry{}, nil
	}
	entry.Mode = filemode.Regular
	if change.Executable {
		entry.Mode = filemode.Executable
	}
	id, err := s.putBlob(change.Data)
	entry.Hash = id
	return entry, err
}

// entries lists a tree; the zero hash stands for an empty one.
func (s *Store) entries(tree plumbing.Hash) ([]object.TreeEntry, error) {
	if tree.IsZero() {
		return nil, nil
	}
	read, err := object.GetTree(s.objects, tree)
	if err != nil {
		return nil, fmt.Errorf("tree %s: %w", tree, err)
	}
	return read.Entries, nil
}

func (s *Store) putTree(entries []object.TreeEntry) (plumbing.Hash, error) {
	sortEntries(entries)
	return s.put((&object.Tree{Entries: entries}).Encode)
}

// sortEntries puts entries in git's order, in which a folder's name counts as
// ending in a slash.
func sortEntries(entries []object.TreeEntry) {
	slices.SortFunc(entries, func(a, b object.TreeEntry) int { return strings.Compare(sortKey(a), sortKey(b)) })
}

func sortKey(entry object.TreeEntry) string {
	if entry.Mode == filemode.Dir {
		return entry.Name + "/"
	}
	return entry.Name
}
