package gittree

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"golang.org/x/sync/errgroup"
)

// Content is the path of a file, and what git stores of the file. Path uses slashes.
type Content struct {
	Path string
	Mode filemode.FileMode
	ID   plumbing.Hash
}

// Contents reads the named files of a folder, all of every file, and returns them in the
// same order. Where a path has neither a file nor a link, the mode is filemode.Empty.
func Contents(ctx context.Context, folder string, paths []string) ([]Content, error) {
	contents := make([]Content, len(paths))
	err := each(ctx, len(paths), func(i int) (err error) {
		contents[i], err = contentOf(folder, paths[i])
		return err
	})
	return contents, err
}

func contentOf(folder, path string) (Content, error) {
	name := filepath.Join(folder, filepath.FromSlash(path))
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return Content{Path: path}, nil
	}
	if err != nil {
		return Content{}, err
	}
	f, err := newFile(path, info)
	if err != nil {
		return Content{Path: path}, nil //nolint:nilerr // neither file nor link
	}
	data, err := readContent(name, f.Mode)
	return Content{Path: path, Mode: f.Mode, ID: plumbing.ComputeHash(plumbing.BlobObject, data)}, err
}

// TreeID returns the ID of the tree that has these files and no others, as Snapshot
// returns it for a folder with them. Nothing is stored.
func TreeID(contents []Content) (plumbing.Hash, error) {
	files := make([]file, len(contents))
	for i, content := range contents {
		files[i] = file{Path: content.Path, Mode: content.Mode, ID: content.ID}
	}
	return newBundle().addTrees(files)
}

// each calls do for every index below count, some at a time, until one fails.
func each(ctx context.Context, count int, do func(i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	workers := workerCount()
	for worker := range workers {
		group.Go(func() error {
			for i := worker; i < count; i += workers {
				if err := errors.Join(ctx.Err(), do(i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}
