package gittree

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	formatconfig "github.com/go-git/go-git/v5/plumbing/format/config"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// Commit is a stored commit.
type Commit struct {
	ID, Tree      plumbing.Hash
	Parents       []plumbing.Hash
	Subject, Body string
	Author        object.Signature
}

// ReadCommit reads a commit. A message's first paragraph is its subject, as in git.
func (s *Store) ReadCommit(id plumbing.Hash) (Commit, error) {
	read, err := object.GetCommit(s.objects, id)
	if err != nil {
		return Commit{}, fmt.Errorf("reading commit %s: %w", id, err)
	}
	subject, body, _ := strings.Cut(strings.TrimLeft(read.Message, "\n"), "\n\n")
	return Commit{
		ID: id, Tree: read.TreeHash, Parents: read.ParentHashes, Author: read.Author,
		Subject: strings.ReplaceAll(strings.TrimSpace(subject), "\n", " "), Body: strings.TrimSpace(body),
	}, nil
}

// ErrHistory is matched by the error for commits that are not a line from a base on.
var ErrHistory = errors.New("the history is not a line of commits")

// History returns the commits from after base to HEAD, the oldest first. HEAD is what git's
// own programs left it at. The error matches ErrHistory where one of them is a merge, or
// HEAD is not above base.
func (s *Store) History(base plumbing.Hash) ([]Commit, error) {
	head, err := storer.ResolveReference(s.objects, plumbing.HEAD)
	if err != nil {
		return nil, fmt.Errorf("reading HEAD of %s: %w", s.gitDir, err)
	}
	var commits []Commit
	for id := head.Hash(); id != base; {
		commit, err := s.ReadCommit(id)
		if err != nil {
			return nil, err
		}
		switch len(commit.Parents) {
		case 0:
			return nil, fmt.Errorf("%w: HEAD is not above %s", ErrHistory, base)
		case 1:
		default:
			return nil, fmt.Errorf("%w: commit %s (%s) is a merge", ErrHistory, id, commit.Subject)
		}
		commits = append(commits, commit)
		id = commit.Parents[0]
	}
	slices.Reverse(commits)
	return commits, nil
}

// Diff returns the paths at which two trees differ, in order. A renamed file is two.
func (s *Store) Diff(ctx context.Context, from, to plumbing.Hash) ([]string, error) {
	old, err := object.GetTree(s.objects, from)
	if err != nil {
		return nil, fmt.Errorf("comparing trees: %s: %w", from, err)
	}
	changed, err := object.GetTree(s.objects, to)
	if err != nil {
		return nil, fmt.Errorf("comparing trees: %s: %w", to, err)
	}
	changes, err := object.DiffTreeWithOptions(ctx, old, changed, nil)
	if err != nil {
		return nil, fmt.Errorf("comparing trees %s and %s: %w", from, to, err)
	}
	var paths []string
	for _, change := range changes {
		for _, name := range []string{change.From.Name, change.To.Name} {
			if name != "" {
				paths = append(paths, name)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// Paths lists the files of a tree.
func (s *Store) Paths(tree plumbing.Hash) ([]string, error) {
	found, err := s.files(tree)
	paths := make([]string, len(found))
	for i, f := range found {
		paths[i] = f.Path
	}
	return paths, err
}

// Entry is one file of a tree.
type Entry struct {
	// Path uses slashes and is relative to the tree's root.
	Path string
	// Link says that it is a symbolic link.
	Link bool
}

// Entries lists the files of a tree, with their kind.
func (s *Store) Entries(tree plumbing.Hash) ([]Entry, error) {
	found, err := s.files(tree)
	entries := make([]Entry, len(found))
	for i, f := range found {
		entries[i] = Entry{Path: f.Path, Link: f.Mode == filemode.Symlink}
	}
	return entries, err
}

// Only returns the tree that has some of another's files, none of them executable: what
// Describe returns for a folder with a copy of these files. It can be given to Edit.
func (s *Store) Only(tree plumbing.Hash, paths []string) (plumbing.Hash, error) {
	found, err := s.files(tree)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	wanted := make(map[string]bool, len(paths))
	for _, path := range paths {
		wanted[path] = true
	}
	found = slices.DeleteFunc(found, func(f file) bool { return !wanted[f.Path] })
	if len(found) != len(wanted) {
		return plumbing.ZeroHash, fmt.Errorf("of %d files, tree %s has %d: %w", len(wanted), tree, len(found), ErrPath)
	}
	for i := range found {
		found[i].Mode = filemode.Regular
	}
	return s.putTrees(found)
}

// Attach lets git's own programs work in a worktree: the repository names it, by a path
// relative to its own folder, and its index is that of the tree.
func (s *Store) Attach(tree plumbing.Hash, worktree string) error {
	config, err := s.objects.Config()
	if err != nil {
		return fmt.Errorf("attaching %s: %w", worktree, err)
	}
	// Without its version, git does not read where the worktree is.
	config.Core.RepositoryFormatVersion = formatconfig.Version_0
	config.Core.IsBare, config.Core.Worktree = false, worktree
	if err := s.objects.SetConfig(config); err != nil {
		return fmt.Errorf("attaching %s: %w", worktree, err)
	}
	found, err := s.files(tree)
	if err != nil {
		return fmt.Errorf("attaching %s: %w", worktree, err)
	}
	entries := &index.Index{Version: 2}
	for _, f := range found {
		entries.Entries = append(entries.Entries, &index.Entry{Name: f.Path, Mode: f.Mode, Hash: f.ID})
	}
	if err := s.objects.SetIndex(entries); err != nil {
		return fmt.Errorf("attaching %s: %w", worktree, err)
	}
	return nil
}
