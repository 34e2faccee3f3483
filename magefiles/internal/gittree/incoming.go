package gittree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// asideName is the folder of a store in which objects stay until all of them are there
// and were checked.
const asideName = "incoming"

// admit lets fill put packfiles into an empty store, and moves them to this one. After
// an error this store is as before.
func (s *Store) admit(fill func(aside *Store) error) (err error) {
	gitDir := filepath.Join(s.gitDir, asideName)
	if err := os.RemoveAll(gitDir); err != nil {
		return err
	}
	aside := &Store{gitDir: gitDir, objects: openStorage(gitDir)}
	err = fill(aside)
	if err = errors.Join(err, aside.Close()); err == nil {
		err = move(aside.packFolder(), s.packFolder())
	}
	s.reopen()
	return errors.Join(err, os.RemoveAll(gitDir))
}

// move brings the packfiles of one folder to another one, and makes that last. An index
// goes before its packfile: a reader finds the packfile only when the index is there.
func move(from, to string) error {
	paths, err := filepath.Glob(filepath.Join(from, "pack-*"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, path := range paths { // in order: .idx, .pack
		if err := errors.Join(syncToDisk(path), os.Rename(path, filepath.Join(to, filepath.Base(path)))); err != nil {
			return err
		}
	}
	return syncToDisk(to)
}

// syncToDisk makes what a file or folder holds survive a loss of power.
func syncToDisk(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// receive stores a packfile from a stream that ends with it.
func (s *Store) receive(ctx context.Context, stream io.Reader) error {
	writer, err := s.objects.PackfileWriter()
	if err != nil {
		return err
	}
	relay := &relay{ctx: ctx, from: stream, to: writer}
	err = inspect(relay)
	closeErr := writer.Close()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if relay.failed != nil {
		return relay.failed
	}
	if onDisk := new(fs.PathError); err == nil && errors.As(closeErr, &onDisk) {
		return closeErr
	}
	if err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	return nil
}

// recover brings a store into order after a crash: it removes what is unfinished, and
// makes a missing index again. A packfile without an index that is damaged is removed:
// nothing could be read from it.
func (s *Store) recover() error {
	unfinished, err := filepath.Glob(filepath.Join(s.packFolder(), "tmp_*"))
	if err != nil {
		return err
	}
	for _, path := range append(unfinished, filepath.Join(s.gitDir, asideName)) {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	orphans, err := without(s.packFolder(), ".pack", ".idx")
	if err != nil {
		return err
	}
	for _, path := range orphans {
		if err := s.reindex(path); err != nil {
			return fmt.Errorf("making the index of %s again: %w", path, err)
		}
	}
	return nil
}

// reindex stores a packfile again. The result takes its place, with an index.
func (s *Store) reindex(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	err = s.admit(func(aside *Store) error { return aside.receive(context.Background(), file) })
	if errors.Is(err, ErrTruncated) {
		return os.Remove(path)
	}
	if err != nil {
		return err
	}
	// Its name may not have been that of its content.
	if _, err := os.Lstat(strings.TrimSuffix(path, ".pack") + ".idx"); errors.Is(err, fs.ErrNotExist) {
		return os.Remove(path)
	}
	return nil
}

// Whole reports whether the store in dir is there, with every packfile and its index. It
// does not look into them. An Open may make a store whole that is not.
func Whole(dir string) bool {
	gitDir := filepath.Join(dir, "git")
	folder := filepath.Join(gitDir, "objects", "pack")
	_, err := os.Stat(gitDir)
	packs, packErr := without(folder, ".pack", ".idx")
	indexes, indexErr := without(folder, ".idx", ".pack")
	return errors.Join(err, packErr, indexErr) == nil && len(packs) == 0 && len(indexes) == 0
}

// without lists the packfiles, or their indexes, that have no companion.
func without(folder, kind, companion string) (alone []string, err error) {
	found, err := filepath.Glob(filepath.Join(folder, "pack-*"+kind))
	if err != nil {
		return nil, err
	}
	for _, path := range found {
		_, err := os.Lstat(strings.TrimSuffix(path, kind) + companion)
		if errors.Is(err, fs.ErrNotExist) {
			alone = append(alone, path)
		} else if err != nil {
			return nil, err
		}
	}
	return alone, nil
}
