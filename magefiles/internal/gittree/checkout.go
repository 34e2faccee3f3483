package gittree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"golang.org/x/sync/errgroup"
)

// Checkout makes a worktree equal to a tree and returns how many files it wrote.
// A file that is right already keeps its modification time; a file or folder that
// is not in the tree is removed. No link is followed, in the tree or in the
// worktree. After a crash the next Checkout repairs what is wrong, and makes a worktree
// that is missing.
func (s *Store) Checkout(ctx context.Context, tree plumbing.Hash, worktree string, progress Progress) (int, error) {
	if err := os.Mkdir(worktree, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return 0, fmt.Errorf("checking out %s: %w", tree, err)
	}
	known := readStamp(worktree)
	plan, err := s.plan(tree, worktree, known)
	if err != nil {
		return 0, fmt.Errorf("checking out %s to %s: %w", tree, worktree, err)
	}
	if plan.empty() && known.tree == tree {
		return 0, nil
	}
	if err := removeStamp(worktree); err != nil {
		return 0, fmt.Errorf("checking out %s to %s: %w", tree, worktree, err)
	}
	if err := s.carryOut(ctx, plan, worktree, progress); err != nil {
		return 0, fmt.Errorf("checking out %s to %s: %w", tree, worktree, err)
	}
	return len(plan.write), writeStamp(worktree, stamp{tree, append(plan.keep, plan.write...)})
}

// Verify lists the paths at which a worktree differs from a tree.
func (s *Store) Verify(tree plumbing.Hash, worktree string) ([]string, error) {
	plan, err := s.plan(tree, worktree, readStamp(worktree))
	if err != nil {
		return nil, fmt.Errorf("verifying %s: %w", worktree, err)
	}
	differing := slices.Clone(plan.remove)
	for _, f := range plan.write {
		differing = append(differing, f.Path)
	}
	slices.Sort(differing)
	return slices.Compact(differing), nil
}

// plan is what has to be done to a worktree. Removals come first.
type plan struct {
	keep   []file
	remove []string
	write  []file
}

func (p plan) empty() bool { return len(p.remove) == 0 && len(p.write) == 0 }

// plan finds out how a worktree differs from a tree.
func (s *Store) plan(tree plumbing.Hash, worktree string, known stamp) (plan, error) {
	wanted := known.files
	if known.tree != tree {
		var err error
		if wanted, err = s.files(tree); err != nil {
			return plan{}, err
		}
	}
	return compare(worktree, wanted, known)
}

// compare finds out how a worktree differs from the wanted files. A file that the
// stamp vouches for is not read.
func compare(worktree string, wanted []file, known stamp) (plan, error) {
	root, err := os.OpenRoot(worktree)
	if err != nil {
		return plan{}, err
	}
	defer root.Close()
	var p plan
	stamped := make(map[string]file, len(known.files))
	for _, f := range known.files {
		stamped[f.Path] = f
	}
	there, strays, err := present(worktree, wanted)
	if err != nil {
		return plan{}, err
	}
	p.remove = strays
	for _, want := range wanted {
		is, ok := there[want.Path]
		if !ok {
			p.write = append(p.write, want)
			continue
		}
		same, err := is.holds(root, want, stamped[want.Path])
		if err != nil {
			return plan{}, err
		}
		if !same {
			p.remove = append(p.remove, want.Path)
			p.write = append(p.write, want)
			continue
		}
		is.ID = want.ID
		p.keep = append(p.keep, is)
	}
	return p, nil
}

// present lists the files of a worktree that are wanted, and the files and whole
// folders that are not.
func present(worktree string, wanted []file) (there map[string]file, strays []string, err error) {
	isWanted, folders := make(map[string]bool, len(wanted)), map[string]bool{}
	for _, f := range wanted {
		isWanted[f.Path] = true
		for folder := path.Dir(f.Path); !folders[folder]; folder = path.Dir(folder) {
			folders[folder] = true
		}
	}
	there = make(map[string]file, len(wanted))
	err = filepath.WalkDir(worktree, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == worktree {
			return err
		}
		relative := filepath.ToSlash(name[len(worktree)+1:])
		if entry.IsDir() {
			if folders[relative] {
				return nil
			}
			strays = append(strays, relative)
			return fs.SkipDir
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		f, err := newFile(relative, info)
		if err != nil || !isWanted[relative] {
			strays = append(strays, relative)
			return nil //nolint:nilerr // what is no file is a stray too
		}
		there[relative] = f
		return nil
	})
	return there, strays, err
}

// holds reports whether a file of the worktree is what is wanted at its path.
func (f file) holds(root *os.Root, want, stamped file) (bool, error) {
	if f.Mode != want.Mode {
		return false, nil
	}
	if stamped.ID == want.ID && stamped.untouched(f) {
		return true, nil
	}
	var content []byte
	var err error
	if f.Mode == filemode.Symlink {
		var target string
		target, err = root.Readlink(f.Path)
		content = []byte(target)
	} else {
		content, err = root.ReadFile(f.Path)
	}
	return err == nil && plumbing.ComputeHash(plumbing.BlobObject, content) == want.ID, err
}

// carryOut does what a plan says, one folder after the other, and notes in the
// plan how the written files look.
func (s *Store) carryOut(ctx context.Context, p plan, worktree string, progress Progress) error {
	root, err := os.OpenRoot(worktree)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range p.remove {
		if err := root.RemoveAll(name); err != nil {
			return err
		}
	}
	folders := make(chan []file)
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(folders)
		for rest := p.write; len(rest) > 0; {
			n := sameFolder(rest)
			select {
			case folders <- rest[:n]:
			case <-ctx.Done():
				return ctx.Err()
			}
			rest = rest[n:]
		}
		return nil
	})
	for range workerCount() {
		group.Go(func() (err error) {
			source := s.another()
			placer, err := newPlacer(worktree)
			if err != nil {
				return errors.Join(err, source.Close())
			}
			defer func() { err = errors.Join(err, placer.close(), source.Close()) }()
			for files := range folders {
				if err := source.writeFiles(placer, files); err != nil {
					return err
				}
				progress.report(done.Add(int64(len(files))), int64(len(p.write)))
			}
			return nil
		})
	}
	return group.Wait()
}

// sameFolder counts the files at the start of the list that lie in one folder.
func sameFolder(files []file) int {
	folder := path.Dir(files[0].Path)
	n := slices.IndexFunc(files, func(f file) bool { return path.Dir(f.Path) != folder })
	if n < 0 {
		return len(files)
	}
	return n
}

// writeFiles writes files that lie in one folder.
func (s *Store) writeFiles(placer *placer, files []file) error {
	for i := range files {
		content, err := s.blob(files[i].ID)
		if err == nil {
			err = placer.place(&files[i], content)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", files[i].Path, err)
		}
	}
	return nil
}
