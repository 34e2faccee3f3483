package gittree

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// localSession serves a repository on this machine, as a server on a network would.
// (go-git's own transport for such a repository starts a git program, and its server
// sends the whole history.) It must not be used concurrently.
type localSession struct {
	repository *git.Repository
	// storages are those of the repository and of all that it borrows objects from.
	// (go-git opens such a lender again for every object.)
	storages []*filesystem.Storage
	sending  sync.WaitGroup
}

func openLocal(folder string) (*localSession, error) {
	gitDir, err := gitDirOf(folder)
	if err != nil {
		return nil, err
	}
	repository, err := git.PlainOpen(gitDir)
	if err != nil {
		return nil, err
	}
	folders, err := lenders(filepath.Join(gitDir, "objects"), nil)
	if err != nil {
		return nil, err
	}
	session := &localSession{repository: repository}
	for _, folder := range folders {
		session.storages = append(session.storages, openStorage(filepath.Dir(folder)))
	}
	return session, nil
}

// gitDirOf finds the folder with the objects and tags of a repository, bare or not. A
// linked worktree has them in the repository that it belongs to (git's
// Documentation/gitrepository-layout.txt, "commondir").
func gitDirOf(folder string) (string, error) {
	inner := filepath.Join(folder, ".git")
	info, err := os.Stat(inner)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return folder, nil
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrUnreachable, err)
	case info.IsDir():
		return inner, nil
	}
	gitDir, err := follow(folder, inner, "gitdir: ")
	if err != nil {
		return "", fmt.Errorf("%w: %s is a linked worktree: %w", ErrUnreachable, folder, err)
	}
	common, err := follow(gitDir, filepath.Join(gitDir, "commondir"), "")
	if errors.Is(err, fs.ErrNotExist) {
		common, err = gitDir, nil // that of a submodule
	}
	if err == nil {
		_, err = os.Stat(common)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %s is a linked worktree: %w", ErrUnreachable, folder, err)
	}
	return common, nil
}

// follow reads a path, relative to a folder, from a file that has it after a prefix.
func follow(folder, name, prefix string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	to, found := strings.CutPrefix(strings.TrimRight(string(text), "\r\n"), prefix)
	if !found || to == "" {
		return "", fmt.Errorf("%s names no folder", name)
	}
	if !filepath.IsAbs(to) {
		to = filepath.Join(folder, to)
	}
	return to, nil
}

// lenders lists a folder of objects, and those that it borrows from, one after
// the other (git's Documentation/gitrepository-layout.txt, "alternates").
func lenders(objects string, known []string) ([]string, error) {
	if slices.Contains(known, objects) {
		return known, nil
	}
	known = append(known, objects)
	list, err := os.Open(filepath.Join(objects, "info", "alternates"))
	if errors.Is(err, fs.ErrNotExist) {
		return known, nil
	}
	if err != nil {
		return nil, err
	}
	defer list.Close()
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		lender := lines.Text()
		if lender == "" || lender[0] == '#' {
			continue
		}
		if !filepath.IsAbs(lender) {
			lender = filepath.Join(objects, lender)
		}
		if known, err = lenders(filepath.Clean(lender), known); err != nil {
			return nil, err
		}
	}
	return known, lines.Err()
}

// Close implements transport.Session. The response must be closed before.
func (s *localSession) Close() error {
	s.sending.Wait()
	var err error
	for _, storage := range s.storages {
		err = errors.Join(err, storage.Close())
	}
	return err
}

// AdvertisedReferences implements transport.Session.
func (s *localSession) AdvertisedReferences() (*packp.AdvRefs, error) {
	advertised := packp.NewAdvRefs()
	tags, err := s.repository.Tags()
	if err == nil {
		err = tags.ForEach(advertised.AddReference)
	}
	return advertised, errors.Join(err, advertised.Capabilities.Set(capability.Shallow))
}

// AdvertisedReferencesContext implements transport.Session.
func (s *localSession) AdvertisedReferencesContext(context.Context) (*packp.AdvRefs, error) {
	return s.AdvertisedReferences()
}

// UploadPack implements transport.UploadPackSession. It sends no history, whatever
// depth is asked for.
func (s *localSession) UploadPack(ctx context.Context, request *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	reader, writer := io.Pipe()
	s.sending.Go(func() {
		bundle := newBundle()
		var err error
		for _, id := range request.Wants {
			err = errors.Join(err, s.collect(ctx, id, bundle))
		}
		if err == nil {
			err = bundle.write(writer)
		}
		writer.CloseWithError(err)
	})
	return packp.NewUploadPackResponseWithPackfile(request, reader), nil
}

// collect adds an object and all that it leads to, but for earlier commits.
func (s *localSession) collect(ctx context.Context, id plumbing.Hash, to *bundle) error {
	if err := ctx.Err(); err != nil || to.has(id) {
		return err
	}
	encoded, err := s.encoded(id)
	if err != nil {
		return err
	}
	to.add(id, encoded)
	decoded, err := object.DecodeObject(nil, encoded)
	if err != nil {
		return fmt.Errorf("object %s: %w", id, err)
	}
	switch decoded := decoded.(type) {
	case *object.Tag:
		return s.collect(ctx, decoded.Target, to)
	case *object.Commit:
		return s.collect(ctx, decoded.TreeHash, to)
	case *object.Tree:
		for _, entry := range decoded.Entries {
			switch {
			case entry.Mode.IsFile():
				err = s.collectBlob(ctx, entry.Hash, to)
			case entry.Mode == filemode.Dir:
				err = s.collect(ctx, entry.Hash, to)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// collectBlob adds a file's content.
func (s *localSession) collectBlob(ctx context.Context, id plumbing.Hash, to *bundle) error {
	storage, err := s.holder(id)
	if err != nil || to.has(id) {
		return err
	}
	size, err := storage.EncodedObjectSize(id)
	if err != nil {
		return fmt.Errorf("object %s: %w", id, err)
	}
	to.addBlob("object "+id.String(), id, size, func() ([]byte, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		encoded, err := s.encoded(id)
		if err != nil {
			return nil, err
		}
		return readAll(encoded)
	})
	return nil
}

// holder finds the storage that has an object.
func (s *localSession) holder(id plumbing.Hash) (*filesystem.Storage, error) {
	for _, storage := range s.storages {
		err := storage.HasEncodedObject(id)
		if err == nil {
			return storage, nil
		}
		if !errors.Is(err, plumbing.ErrObjectNotFound) {
			return nil, fmt.Errorf("object %s: %w", id, err)
		}
	}
	return nil, fmt.Errorf("object %s: %w", id, plumbing.ErrObjectNotFound)
}

func (s *localSession) encoded(id plumbing.Hash) (plumbing.EncodedObject, error) {
	storage, err := s.holder(id)
	if err != nil {
		return nil, err
	}
	encoded, err := storage.EncodedObject(plumbing.AnyObject, id)
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", id, err)
	}
	return encoded, nil
}

// commit follows a tag to its commit.
func (s *localSession) commit(tag plumbing.Hash) (plumbing.Hash, error) {
	commit, err := peel(tag, func(id plumbing.Hash) (object.Object, error) {
		encoded, err := s.encoded(id)
		if err != nil {
			return nil, err
		}
		return object.DecodeObject(nil, encoded)
	})
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	return commit.Hash, nil
}

var _ transport.UploadPackSession = (*localSession)(nil)
