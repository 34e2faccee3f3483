package gittree

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/google/renameio"
)

// file is a file of a worktree: where it is, what git knows of it, and what the
// file system said when it was last known to be that.
type file struct {
	Path string
	Mode filemode.FileMode
	ID   plumbing.Hash
	// Size is in bytes, Modified in nanoseconds since 1970, Inode the file
	// system's number: together they tell that nobody wrote to the file since.
	Size, Modified int64
	Inode          uint64
}

// newFile describes a file without its ID.
func newFile(path string, info fs.FileInfo) (file, error) {
	f := file{Path: path, Size: info.Size(), Modified: info.ModTime().UnixNano()}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		f.Mode = filemode.Symlink
	case !info.Mode().IsRegular():
		return file{}, fmt.Errorf("%s is neither file, folder nor link: %w", path, ErrPath)
	case info.Mode()&0o100 != 0:
		f.Mode = filemode.Executable
	default:
		f.Mode = filemode.Regular
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		f.Inode = stat.Ino
	}
	return f, nil
}

// untouched reports whether the file system says of g what it said of f.
func (f file) untouched(g file) bool {
	return f.Mode == g.Mode && f.Size == g.Size && f.Modified == g.Modified && f.Inode == g.Inode
}

// stamp says which tree a worktree was last brought to, and how its files looked
// then. There is none while a worktree is being changed.
type stamp struct {
	Tree  string
	Files []file
}

func newStamp(tree plumbing.Hash, files []file) stamp {
	return stamp{Tree: tree.String(), Files: files}
}

func stampPath(worktree string) string { return worktree + ".stamp.json" }

func writeStamp(worktree string, s stamp) error {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("noting the state of %s: %w", worktree, err)
	}
	if err := renameio.WriteFile(stampPath(worktree), data, 0o600); err != nil {
		return fmt.Errorf("noting the state of %s: %w", worktree, err)
	}
	return nil
}

// readStamp returns the empty stamp where there is no readable one: every file is
// then compared by its content.
func readStamp(worktree string) stamp {
	var s stamp
	data, err := os.ReadFile(stampPath(worktree))
	if err != nil || json.Unmarshal(data, &s) != nil {
		return stamp{}
	}
	return s
}

func removeStamp(worktree string) error {
	if err := os.Remove(stampPath(worktree)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// removeUnfinishedStamps removes what a crash left of stamps being written.
func removeUnfinishedStamps(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, ".*.stamp.json*"))
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}
