package gittree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
)

// copyTag copies a tag's tree from a repository on this machine. (go-git's own
// transport for such a repository starts a git program.)
func (s *Store) copyTag(ctx context.Context, folder, tag string, progress Progress) (Fetched, error) {
	id, err := localTag(folder, tag)
	if err != nil {
		return Fetched{}, err
	}
	gitDir, err := gitDirOf(folder)
	if err != nil {
		return Fetched{}, err
	}
	from := (&Store{gitDir: gitDir}).another()
	defer from.Close()
	fetched, err := from.peel(id)
	if err != nil {
		return Fetched{}, err
	}
	objects, err := from.reachable(fetched)
	if err != nil {
		return Fetched{}, fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	writer, err := newPackWriter(s.gitDir)
	if err != nil {
		return Fetched{}, err
	}
	defer writer.discard()
	if err := packAll(ctx, len(objects), from.packer(objects), writer, progress); err != nil {
		return Fetched{}, err
	}
	if err := writer.finish(); err != nil {
		return Fetched{}, err
	}
	s.objects.Reindex()
	return fetched, nil
}

// localTag finds what a tag of a repository on this machine points at.
func localTag(folder, tag string) (plumbing.Hash, error) {
	repository, err := git.PlainOpen(folder)
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	references, err := repository.Tags()
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	known := map[string]plumbing.Hash{}
	err = references.ForEach(func(reference *plumbing.Reference) error {
		known[reference.Name().String()] = reference.Hash()
		return nil
	})
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return findTag(known, tag)
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

// reachable lists the commit, and every folder and file of its tree, once.
func (s *Store) reachable(fetched Fetched) ([]objectName, error) {
	seen := map[plumbing.Hash]bool{}
	objects := []objectName{{plumbing.CommitObject, fetched.Commit}}
	var walk func(tree plumbing.Hash) error
	walk = func(tree plumbing.Hash) error {
		if seen[tree] {
			return nil
		}
		seen[tree] = true
		objects = append(objects, objectName{plumbing.TreeObject, tree})
		entries, err := s.entries(tree)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if !entry.Mode.IsFile() {
				if err := walk(entry.Hash); err != nil {
					return err
				}
				continue
			}
			if !seen[entry.Hash] {
				seen[entry.Hash] = true
				objects = append(objects, objectName{plumbing.BlobObject, entry.Hash})
			}
		}
		return nil
	}
	err := walk(fetched.Tree)
	return objects, err
}

// objectName names an object of a store.
type objectName struct {
	kind plumbing.ObjectType
	id   plumbing.Hash
}

// packer reads the listed objects, each worker through a store of its own. Every
// object is hashed anew: one that is not what its ID says is refused.
func (s *Store) packer(objects []objectName) func() (func(int) (packedObject, error), io.Closer) {
	return func() (func(int) (packedObject, error), io.Closer) {
		from := s.another()
		return func(i int) (packedObject, error) {
			wanted := objects[i]
			encoded, err := from.objects.EncodedObject(wanted.kind, wanted.id)
			if err != nil {
				return packedObject{}, fmt.Errorf("%w: %s %s: %w", ErrTruncated, wanted.kind, wanted.id, err)
			}
			reader, err := encoded.Reader()
			if err != nil {
				return packedObject{}, err
			}
			content, err := io.ReadAll(reader)
			if err = errors.Join(err, reader.Close()); err != nil {
				return packedObject{}, fmt.Errorf("%w: %s %s: %w", ErrTruncated, wanted.kind, wanted.id, err)
			}
			packed, err := pack(wanted.kind, content)
			if err == nil && packed.id != wanted.id {
				err = fmt.Errorf("%w: %s %s holds something else", ErrTruncated, wanted.kind, wanted.id)
			}
			return packed, err
		}, from
	}
}
