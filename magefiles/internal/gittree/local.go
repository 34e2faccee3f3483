package gittree

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/steadylet/steadylet/magefiles/internal/gitpack"
)

// copyTag copies a tag's tree from a repository on this machine. (go-git's own
// transport for such a repository starts a git program.)
func (s *Store) copyTag(ctx context.Context, folder, tag string, options FetchOptions) (Fetched, error) {
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
	groups, err := from.reachable(id)
	if err != nil {
		return Fetched{}, fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	sources, err := gitpack.OpenSources(from.packFolder())
	if err != nil {
		return Fetched{}, fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	defer gitpack.CloseSources(sources)
	reader, writer := io.Pipe()
	go func() {
		buffered := bufio.NewWriterSize(writer, pipeSize)
		err := gitpack.Copy(buffered, sources, groups, from.loose)
		writer.CloseWithError(errors.Join(err, buffered.Flush()))
	}()
	defer reader.Close() // it ends the copying
	return s.receive(ctx, reader, id, options)
}

// pipeSize is how much is copied at a time, in bytes.
const pipeSize = 128 << 10

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

// reachable lists what a tag leads to, each object once: first what leads to the
// files, then the files.
func (s *Store) reachable(tag plumbing.Hash) (groups [][]plumbing.Hash, err error) {
	var structure, blobs []plumbing.Hash
	commit, err := peel(tag, func(id plumbing.Hash) (object.Object, error) {
		structure = append(structure, id)
		return object.GetObject(s.objects, id)
	})
	if err != nil {
		return nil, err
	}
	seen := map[plumbing.Hash]bool{}
	var walk func(tree plumbing.Hash) error
	walk = func(tree plumbing.Hash) error {
		structure = append(structure, tree)
		entries, err := s.entries(tree)
		if err != nil {
			return err
		}
		for _, entry := range entries {
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

// loose reads an object that is in none of the packfiles.
func (s *Store) loose(id plumbing.Hash) (gitpack.Packed, error) {
	encoded, err := s.objects.EncodedObject(plumbing.AnyObject, id)
	if err != nil {
		return gitpack.Packed{}, fmt.Errorf("object %s: %w", id, err)
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
