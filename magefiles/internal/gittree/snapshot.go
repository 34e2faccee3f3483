package gittree

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Snapshot stores a whole folder and returns its tree. The tree depends on the
// files' names, contents and executable bits alone. Links are stored as such;
// anything that is neither file, folder nor link is refused, and so is a folder
// of git's own. An empty folder is left out, as git does.
//
// It also notes the folder as checked out, so that the next Checkout needn't read
// every file again.
func (s *Store) Snapshot(ctx context.Context, worktree string, progress Progress) (plumbing.Hash, error) {
	found, err := scan(worktree)
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("reading %s: %w", worktree, err)
	}
	tree, err := s.snapshot(ctx, worktree, found, progress)
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("storing %s: %w", worktree, err)
	}
	return tree, writeStamp(worktree, stamp{tree, found})
}

func (s *Store) snapshot(ctx context.Context, worktree string, found []file, progress Progress) (plumbing.Hash, error) {
	if err := identify(ctx, worktree, found); err != nil {
		return plumbing.ZeroHash, err
	}
	bundle := newBundle()
	var done, total int64
	for _, f := range found {
		if bundle.has(f.ID) {
			continue
		}
		total++
		bundle.addBlob(f.Path, f.ID, f.Size, func() ([]byte, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			done++
			progress.report(done, total)
			return readContent(filepath.Join(worktree, f.Path), f.Mode)
		})
	}
	tree, err := bundle.addTrees(found)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	return tree, s.pack(bundle)
}

// readContent returns what git stores for a file: a link's content is its target.
func readContent(path string, mode filemode.FileMode) ([]byte, error) {
	if mode == filemode.Symlink {
		target, err := os.Readlink(path)
		return []byte(target), err
	}
	return os.ReadFile(path)
}

func (p Progress) report(done, total int64) {
	if p != nil {
		p(done, total)
	}
}

// addTrees adds the folders that the files lie in, the deepest first.
func (b *bundle) addTrees(found []file) (root plumbing.Hash, err error) {
	folders := map[string][]object.TreeEntry{".": nil}
	for _, f := range found {
		folder := path.Dir(f.Path)
		folders[folder] = append(folders[folder], object.TreeEntry{Name: path.Base(f.Path), Mode: f.Mode, Hash: f.ID})
		for ; folder != "."; folder = path.Dir(folder) {
			if _, ok := folders[path.Dir(folder)]; !ok {
				folders[path.Dir(folder)] = nil
			}
		}
	}
	names := slices.Collect(maps.Keys(folders))
	slices.SortFunc(names, func(a, b string) int { return depth(b) - depth(a) })
	for _, name := range names {
		sortEntries(folders[name])
		encoded := &plumbing.MemoryObject{}
		if err := (&object.Tree{Entries: folders[name]}).Encode(encoded); err != nil {
			return plumbing.ZeroHash, err
		}
		root = encoded.Hash()
		b.add(root, encoded)
		parent := path.Dir(name)
		folders[parent] = append(folders[parent], object.TreeEntry{Name: path.Base(name), Mode: filemode.Dir, Hash: root})
	}
	return root, nil // it is the last one
}

// depth orders folders: the root has none.
func depth(folder string) int {
	if folder == "." {
		return 0
	}
	return 1 + strings.Count(folder, "/")
}

// scan lists the files and links of a folder, in order of their paths.
func scan(worktree string) ([]file, error) {
	var found []file
	err := filepath.WalkDir(worktree, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == worktree {
			return err
		}
		relative := filepath.ToSlash(name[len(worktree)+1:])
		if !validName(entry.Name()) {
			return fmt.Errorf("%s: %w", relative, ErrPath)
		}
		if entry.IsDir() {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		f, err := newFile(relative, info)
		found = append(found, f)
		return err
	})
	return found, err
}
