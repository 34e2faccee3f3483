package gitpack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
)

// Recover brings the folder into order after a crash: it removes what is unfinished, and
// gives a packfile without an index, which would make all of the repository unreadable,
// its index. One that is damaged is removed: nothing could be read from it. Nothing else
// may be writing in the folder.
func Recover(folder string) error {
	if err := RemoveUnfinished(folder); err != nil {
		return err
	}
	orphans, _, err := unpaired(folder)
	if err != nil {
		return err
	}
	for _, path := range orphans {
		if err := reindex(path); err != nil {
			return fmt.Errorf("making the index of %s again: %w", path, err)
		}
	}
	return nil
}

// Whole reports whether every packfile in the folder has its index, and every index its
// packfile. It does not look into them.
func Whole(folder string) bool {
	packs, indexes, err := unpaired(folder)
	return err == nil && len(packs) == 0 && len(indexes) == 0
}

// unpaired lists the packfiles without an index, and the indexes without a packfile.
func unpaired(folder string) (packs, indexes []string, err error) {
	for _, kind := range []struct {
		has, wants string
		lacking    *[]string
	}{{".pack", ".idx", &packs}, {".idx", ".pack", &indexes}} {
		found, err := filepath.Glob(filepath.Join(folder, "pack-*"+kind.has))
		if err != nil {
			return nil, nil, err
		}
		for _, path := range found {
			_, err := os.Lstat(strings.TrimSuffix(path, kind.has) + kind.wants)
			if errors.Is(err, fs.ErrNotExist) {
				*kind.lacking = append(*kind.lacking, path)
			} else if err != nil {
				return nil, nil, err
			}
		}
	}
	return packs, indexes, nil
}

// reindex receives a packfile again, from itself. The result takes its place, with an
// index.
func reindex(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	err = Receive(context.Background(), file, filepath.Dir(path), 1, unseen{})
	if errors.Is(err, ErrMalformed) {
		return os.Remove(path)
	}
	if err != nil {
		return err
	}
	// It may have had another name than that of its content, under which it is now.
	if _, err := os.Lstat(strings.TrimSuffix(path, ".pack") + ".idx"); errors.Is(err, fs.ErrNotExist) {
		return os.Remove(path)
	}
	return nil
}

// unseen is a Visitor that nothing is asked of.
type unseen struct{}

func (unseen) Visit(int, Object) error             { return nil }
func (unseen) Complete(*idxfile.MemoryIndex) error { return nil }
