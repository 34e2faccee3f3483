package gittree

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
)

// Describe returns the tree of a folder, as Snapshot does, but stores only what lies
// where: the trees, not the files' contents. Such a tree can be given to Edit, not to
// Checkout or ReadFile. The folder is not noted as checked out.
func (s *Store) Describe(ctx context.Context, folder string) (plumbing.Hash, error) {
	tree, err := s.describe(ctx, folder)
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("describing %s: %w", folder, err)
	}
	return tree, nil
}

func (s *Store) describe(ctx context.Context, folder string) (plumbing.Hash, error) {
	found, err := scan(folder)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if err := identify(ctx, folder, found); err != nil {
		return plumbing.ZeroHash, err
	}
	return s.putTrees(found)
}

// putTrees stores the trees of some files, not the files' contents.
func (s *Store) putTrees(found []file) (plumbing.Hash, error) {
	bundle := newBundle()
	tree, err := bundle.addTrees(found)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	return tree, s.pack(bundle)
}

// identify notes the ID of every file's content.
func identify(ctx context.Context, folder string, found []file) error {
	return each(ctx, len(found), func(i int) error {
		content, err := readContent(filepath.Join(folder, found[i].Path), found[i].Mode)
		found[i].ID = plumbing.ComputeHash(plumbing.BlobObject, content)
		return err
	})
}

// ErrAltered is matched by the error for a file that is not the one a tree names.
var ErrAltered = errors.New("file was altered")

// Holds reports with ErrAltered whether data is not what the tree has at path; a file
// that the tree does not have gives an error that matches fs.ErrNotExist. The tree may
// be one that Describe returned.
func (s *Store) Holds(tree plumbing.Hash, path string, data []byte) error {
	want, err := s.BlobID(tree, path)
	if err != nil {
		return err
	}
	if got := plumbing.ComputeHash(plumbing.BlobObject, data); got != want {
		return fmt.Errorf("%w: %s is blob %s, and the tree has %s", ErrAltered, path, got, want)
	}
	return nil
}
