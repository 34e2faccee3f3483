package workbench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/steadylet/steadylet/magefiles/internal/series"
)

// Drafts returns the commits after base as patches, the oldest first.
func (b *Bench) Drafts(ctx context.Context, base Point) ([]series.Draft, Point, error) {
	commits, err := b.store.History(base.Commit)
	if err != nil {
		return nil, Point{}, err
	}
	var drafts []series.Draft
	at := base
	for i, commit := range commits {
		changes, err := b.Diff(ctx, at.Tree, commit.Tree)
		if err != nil {
			return nil, Point{}, err
		}
		author := commit.Author
		drafts = append(drafts, series.Draft{
			Number: i + 1, Count: len(commits), Author: series.NewAuthor(author.Name, author.Email, author.When),
			Title: commit.Subject, Body: commit.Body, Files: changes,
		})
		at = Point{commit.ID, commit.Tree}
	}
	return drafts, at, nil
}

// unfinished are the files that git keeps while a command waits for a person. (A rebase has
// some of the others too.)
var unfinished = []struct{ file, command string }{
	{"rebase-merge", "rebase"}, {"rebase-apply", "rebase"}, {"MERGE_HEAD", "merge"}, {"CHERRY_PICK_HEAD", "cherry-pick"}, {"REVERT_HEAD", "revert"},
}

// ErrUnfinished is matched by the error of Settled.
var ErrUnfinished = errors.New("git has not finished")

// Settled reports with ErrUnfinished that a command of git's waits for a person.
func (b *Bench) Settled() error {
	for _, one := range unfinished {
		if _, err := os.Lstat(filepath.Join(b.dir, "git", one.file)); err == nil {
			return fmt.Errorf("%w: a %s is under way in %s: end it there with `git %[2]s --continue`, or drop it with --abort", ErrUnfinished, one.command, b.Worktree())
		}
	}
	return nil
}

// Diff returns what differs between two trees, in the order of the paths.
func (b *Bench) Diff(ctx context.Context, from, to plumbing.Hash) ([]series.FileChange, error) {
	paths, err := b.store.Diff(ctx, from, to)
	if err != nil {
		return nil, err
	}
	var changes []series.FileChange
	for _, path := range paths {
		change := series.FileChange{Path: path}
		if change.Old, err = b.read(from, path); err != nil {
			return nil, err
		}
		if change.New, err = b.read(to, path); err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	return changes, nil
}

func (b *Bench) read(tree plumbing.Hash, path string) (*series.File, error) {
	return present(b.Files(tree).ReadFile(path))
}

// present turns an absent file into nil.
func present(file series.File, err error) (*series.File, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return &file, err
}

// Altered returns what the worktree has instead of a tree's files, in the order of the
// paths. Links are refused: a patch can't hold them.
func (b *Bench) Altered(tree plumbing.Hash) ([]series.FileChange, error) {
	differing, err := b.store.Verify(tree, b.Worktree())
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(b.Worktree())
	if err != nil {
		return nil, err
	}
	defer root.Close()
	paths, err := below(root, differing)
	if err != nil {
		return nil, err
	}
	var changes []series.FileChange
	for _, path := range paths {
		change := series.FileChange{Path: path}
		if change.Old, err = b.read(tree, path); err != nil {
			return nil, err
		}
		if change.New, err = present(series.FromFS(root.FS()).ReadFile(path)); err != nil {
			return nil, fmt.Errorf("reading what was edited: %w", err)
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// below replaces folders by the files in them.
func below(root *os.Root, paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := root.Lstat(path)
		if err != nil || !info.IsDir() {
			files = append(files, path) // an absent one was removed
			continue
		}
		err = fs.WalkDir(root.FS(), path, func(name string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				files = append(files, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}
