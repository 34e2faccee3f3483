package gittree

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"

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
	from, err := openLocal(gitDir)
	if err != nil {
		return Fetched{}, fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	defer from.close()
	groups, err := from.reachable(id)
	if err != nil {
		return Fetched{}, fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	reader, writer := io.Pipe()
	go func() {
		buffered := bufio.NewWriterSize(writer, pipeSize)
		err := gitpack.Copy(buffered, from.packs, groups, from.loose)
		writer.CloseWithError(errors.Join(err, buffered.Flush()))
	}()
	defer reader.Close() // it ends the copying
	return s.receive(ctx, reader, id, options)
}

// pipeSize is how much is copied at a time, in bytes.
const pipeSize = 128 << 10

// localTag finds what a tag of a repository on this machine points at.
func localTag(folder, tag string) (plumbing.Hash, error) {
	known, err := localTags(folder)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	return findTag(known, tag)
}

// localTags returns the tags of a repository on this machine, by their full names.
func localTags(folder string) (map[string]plumbing.Hash, error) {
	repository, err := git.PlainOpen(folder)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	references, err := repository.Tags()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	known := map[string]plumbing.Hash{}
	err = references.ForEach(func(reference *plumbing.Reference) error {
		known[reference.Name().String()] = reference.Hash()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return known, nil
}

// localCommit finds the commit that a tag of a repository on this machine points at.
func localCommit(folder, tag string) (plumbing.Hash, error) {
	if _, err := localTag(folder, tag); err != nil {
		return plumbing.ZeroHash, err
	}
	repository, err := git.PlainOpen(folder)
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	commit, err := repository.ResolveRevision(plumbing.Revision("refs/tags/" + tag + "^{commit}"))
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("%w: tag %s: %w", ErrTruncated, tag, err)
	}
	return *commit, nil
}
