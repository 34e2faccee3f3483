// Package gittree keeps a source tree as a git repository: the objects in a bare
// store, and the files in a worktree beside it that can be brought from one
// commit to the next by writing only what differs.
//
// No git program is needed. Commits carry a fixed committer, and the author and the
// dates that they are given, so that equal content gives equal commit IDs.
package gittree

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// cacheSize bounds the objects that a store keeps in memory, in bytes.
const cacheSize = 16 * cache.MiByte

// Store holds the objects of one tree's history, in the folder git below the
// tree's own. It must not be used concurrently.
type Store struct {
	gitDir  string
	objects *filesystem.Storage
}

// Progress is told how much is done, of how much; a total of 0 is unknown. It may
// be nil.
type Progress func(done, total int64)

// Open opens the store of the tree in dir, which must exist, and creates an empty
// one where there is none. A store is whole after a crash at any point: objects
// appear by renaming finished files, and Open removes the unfinished ones and makes a
// missing index again. So one process at a time may have the store open.
func Open(dir string) (*Store, error) {
	gitDir := filepath.Join(dir, "git")
	store := &Store{gitDir: gitDir, objects: openStorage(gitDir)}
	err := errors.Join(removeUnfinishedStamps(dir), store.recover())
	if err == nil {
		err = store.objects.Init()
	}
	if err == nil {
		err = store.initHead()
	}
	if err != nil {
		return nil, fmt.Errorf("opening the repository in %s: %w", dir, err)
	}
	return store, nil
}

// Has reports whether the store has an object. It is quick for what Commit and Edit wrote.
func (s *Store) Has(id plumbing.Hash) bool {
	if s.objects.HasEncodedObject(id) == nil {
		return true
	}
	// It does not look into a packfile that came since; reading does.
	_, err := s.objects.EncodedObject(plumbing.AnyObject, id)
	return err == nil
}

func openStorage(gitDir string) *filesystem.Storage {
	return filesystem.NewStorageWithOptions(osfs.New(gitDir), cache.NewObjectLRU(cacheSize),
		filesystem.Options{KeepDescriptors: true})
}

// another returns a second reader of the same objects: a Store is for one
// goroutine.
func (s *Store) another() *Store { return &Store{gitDir: s.gitDir, objects: openStorage(s.gitDir)} }

// reopen lets the store see a packfile that was added.
func (s *Store) reopen() {
	s.objects.Close()
	s.objects = openStorage(s.gitDir)
}

func (s *Store) packFolder() string { return filepath.Join(s.gitDir, "objects", "pack") }

// Close releases the store's open files.
func (s *Store) Close() error { return s.objects.Close() }

// CommitText is what a commit says.
type CommitText struct {
	Subject, Body string
	// When is the date of the commit.
	When time.Time
	// Author is who made the change, and when; nil is as the commit.
	Author *object.Signature
}

// author is that of every commit.
func author(when time.Time) object.Signature {
	return object.Signature{Name: "steadylet", Email: "steadylet@localhost", When: when.UTC()}
}

// Commit stores a commit and returns its ID, which depends on nothing but the
// arguments.
func (s *Store) Commit(tree plumbing.Hash, parents []plumbing.Hash, text CommitText) (plumbing.Hash, error) {
	message := text.Subject + "\n"
	if text.Body != "" {
		message += "\n" + text.Body + "\n"
	}
	commit := object.Commit{
		Author: author(text.When), Committer: author(text.When), Message: message, TreeHash: tree, ParentHashes: parents,
	}
	if text.Author != nil {
		commit.Author = *text.Author
	}
	return s.put(commit.Encode)
}

// mainBranch is the branch that HEAD names.
const mainBranch = plumbing.ReferenceName("refs/heads/main")

// initHead makes the folder a repository in the eyes of git's own programs.
func (s *Store) initHead() error {
	_, err := s.objects.Reference(plumbing.HEAD)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return s.objects.SetReference(plumbing.NewSymbolicReference(plumbing.HEAD, mainBranch))
	}
	return err
}

// SetMain makes the main branch point at a commit, so that git's own programs
// show the history.
func (s *Store) SetMain(commit plumbing.Hash) error {
	if err := s.objects.SetReference(plumbing.NewHashReference(mainBranch, commit)); err != nil {
		return fmt.Errorf("setting the branch of %s: %w", s.gitDir, err)
	}
	return nil
}

// SetTag makes a tag point at a commit.
func (s *Store) SetTag(name string, commit plumbing.Hash) error {
	return s.setReference(plumbing.NewHashReference(plumbing.NewTagReferenceName(name), commit))
}

// SetBranch makes a branch point at a commit.
func (s *Store) SetBranch(name string, commit plumbing.Hash) error {
	return s.setReference(plumbing.NewHashReference(plumbing.NewBranchReferenceName(name), commit))
}

// SetHead makes HEAD name a branch.
func (s *Store) SetHead(branch string) error {
	return s.setReference(plumbing.NewSymbolicReference(plumbing.HEAD, plumbing.NewBranchReferenceName(branch)))
}

// MoveHead makes the branch that HEAD names, or HEAD itself where it names none, point at
// a commit.
func (s *Store) MoveHead(commit plumbing.Hash) error {
	head, err := s.objects.Reference(plumbing.HEAD)
	if err != nil {
		return fmt.Errorf("reading HEAD of %s: %w", s.gitDir, err)
	}
	name := plumbing.HEAD
	if head.Type() == plumbing.SymbolicReference {
		name = head.Target()
	}
	return s.setReference(plumbing.NewHashReference(name, commit))
}

func (s *Store) setReference(reference *plumbing.Reference) error {
	if err := s.objects.SetReference(reference); err != nil {
		return fmt.Errorf("setting %s of %s: %w", reference.Name(), s.gitDir, err)
	}
	return nil
}

// put stores one object.
func (s *Store) put(encode func(plumbing.EncodedObject) error) (plumbing.Hash, error) {
	encoded := s.objects.NewEncodedObject()
	if err := encode(encoded); err != nil {
		return plumbing.ZeroHash, fmt.Errorf("encoding a git object: %w", err)
	}
	id, err := s.objects.SetEncodedObject(encoded)
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("storing a git object: %w", err)
	}
	return id, nil
}

func (s *Store) putBlob(data []byte) (plumbing.Hash, error) {
	return s.put(func(encoded plumbing.EncodedObject) error {
		encoded.SetType(plumbing.BlobObject)
		writer, err := encoded.Writer()
		if err != nil {
			return err
		}
		_, err = writer.Write(data)
		return errors.Join(err, writer.Close())
	})
}

// blob reads an object and checks that it is what its ID says.
func (s *Store) blob(id plumbing.Hash) ([]byte, error) {
	encoded, err := s.objects.EncodedObject(plumbing.BlobObject, id)
	if err != nil {
		return nil, err
	}
	data, err := readAll(encoded)
	if err != nil {
		return nil, err
	}
	if plumbing.ComputeHash(plumbing.BlobObject, data) != id {
		return nil, fmt.Errorf("%w: blob %s holds something else", ErrTruncated, id)
	}
	return data, nil
}

// ReadFile returns the content of a plain file of a tree. An absent file, or one
// that is no plain file, gives an error that matches fs.ErrNotExist.
func (s *Store) ReadFile(tree plumbing.Hash, path string) (data []byte, executable bool, err error) {
	entry, err := s.find(tree, path)
	if err != nil {
		return nil, false, err
	}
	data, err = s.blob(entry.Hash)
	if err != nil {
		return nil, false, fmt.Errorf("reading %s: %w", path, err)
	}
	return data, entry.Mode == filemode.Executable, nil
}

// BlobID returns the ID of a plain file of a tree. The errors are those of ReadFile.
func (s *Store) BlobID(tree plumbing.Hash, path string) (plumbing.Hash, error) {
	entry, err := s.find(tree, path)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	return entry.Hash, nil
}

// find returns the entry of a plain file.
func (s *Store) find(tree plumbing.Hash, path string) (*object.TreeEntry, error) {
	root, err := object.GetTree(s.objects, tree)
	if err != nil {
		return nil, fmt.Errorf("reading %s: tree %s: %w", path, tree, err)
	}
	entry, err := root.FindEntry(path)
	if err != nil {
		if errors.Is(err, object.ErrEntryNotFound) || errors.Is(err, object.ErrDirectoryNotFound) {
			err = fs.ErrNotExist
		}
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if entry.Mode != filemode.Regular && entry.Mode != filemode.Executable {
		return nil, fmt.Errorf("reading %s: it is not a plain file: %w", path, fs.ErrNotExist)
	}
	return entry, nil
}
