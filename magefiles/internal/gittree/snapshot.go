package gittree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"golang.org/x/sync/errgroup"

	"github.com/steadylet/steadylet/magefiles/internal/gitpack"
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
	writer, err := gitpack.NewWriter(s.packFolder())
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("storing %s: %w", worktree, err)
	}
	defer writer.Discard()
	if err := packFiles(ctx, worktree, found, writer, progress); err != nil {
		return plumbing.ZeroHash, fmt.Errorf("storing %s: %w", worktree, err)
	}
	tree, err := packTrees(found, writer)
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("storing %s: %w", worktree, err)
	}
	if err := writer.Finish(); err != nil {
		return plumbing.ZeroHash, fmt.Errorf("storing %s: %w", worktree, err)
	}
	s.reopen()
	return tree, writeStamp(worktree, stamp{tree, found})
}

// packFiles stores the content of every file, and notes its ID in found.
func packFiles(ctx context.Context, worktree string, found []file, writer *gitpack.Writer, progress Progress) error {
	read := func(i int) (gitpack.Packed, error) {
		object, err := packFile(filepath.Join(worktree, found[i].Path), found[i].Mode)
		found[i].ID = object.ID // each index is handled by one worker
		return object, err
	}
	return packAll(ctx, len(found), func() (func(int) (gitpack.Packed, error), io.Closer) { return read, nopCloser{} }, writer, progress)
}

type nopCloser struct{}

func (nopCloser) Close() error { return nil }

// packAll stores count objects. Each worker makes a source of its own, which
// gives the object of an index; the closer is called at its end.
func packAll(ctx context.Context, count int, source func() (func(int) (gitpack.Packed, error), io.Closer), writer *gitpack.Writer, progress Progress) error {
	group, groupCtx := errgroup.WithContext(ctx)
	workers, workersCtx := errgroup.WithContext(groupCtx)
	packed := make(chan gitpack.Packed)
	var next atomic.Int64
	for range workerCount() {
		workers.Go(func() (err error) {
			read, closer := source()
			defer func() { err = errors.Join(err, closer.Close()) }()
			for i := int(next.Add(1)) - 1; i < count; i = int(next.Add(1)) - 1 {
				object, err := read(i)
				if err != nil {
					return err
				}
				select {
				case packed <- object:
				case <-workersCtx.Done():
					return workersCtx.Err()
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(packed)
		return workers.Wait()
	})
	group.Go(func() error {
		done := int64(0)
		for object := range packed {
			if err := writer.Add(object); err != nil {
				return err
			}
			done++
			progress.report(done, int64(count))
		}
		return nil
	})
	return group.Wait()
}

func packFile(path string, mode filemode.FileMode) (gitpack.Packed, error) {
	content, err := readContent(path, mode)
	if err != nil {
		return gitpack.Packed{}, err
	}
	return gitpack.Pack(plumbing.BlobObject, content)
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

// packTrees stores the folders that the files lie in, the deepest first.
func packTrees(found []file, writer *gitpack.Writer) (plumbing.Hash, error) {
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
	names := make([]string, 0, len(folders))
	for name := range folders {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return depth(b) - depth(a) })
	var root plumbing.Hash
	for _, name := range names {
		sortEntries(folders[name])
		packed, err := packTree(folders[name])
		if err != nil {
			return plumbing.ZeroHash, err
		}
		if err := writer.Add(packed); err != nil {
			return plumbing.ZeroHash, err
		}
		if name == "." {
			root = packed.ID
			continue
		}
		parent := path.Dir(name)
		folders[parent] = append(folders[parent], object.TreeEntry{Name: path.Base(name), Mode: filemode.Dir, Hash: packed.ID})
	}
	return root, nil
}

// depth orders folders: the root has none.
func depth(folder string) int {
	if folder == "." {
		return 0
	}
	return 1 + strings.Count(folder, "/")
}

// packTree encodes a folder (git's Documentation/gitformat-pack.txt, "tree").
func packTree(entries []object.TreeEntry) (gitpack.Packed, error) {
	var content bytes.Buffer
	for _, entry := range entries {
		fmt.Fprintf(&content, "%o %s\x00", uint32(entry.Mode), entry.Name)
		content.Write(entry.Hash[:])
	}
	return gitpack.Pack(plumbing.TreeObject, content.Bytes())
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
