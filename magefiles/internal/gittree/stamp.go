package gittree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	tree  plumbing.Hash
	files []file
}

// stampPath is beside the worktree: nothing of ours is inside.
func stampPath(worktree string) string { return worktree + stampSuffix }

const (
	stampSuffix = ".stamp"
	// stampHeader starts a stamp, in a form of which there may be others later.
	stampHeader = "steadylet worktree 1"
)

// text is a header, the tree, the number of files and a line for each, all ended
// by a zero byte, which no path has. (It is read whenever a build starts; JSON takes long.)
func (s stamp) text() []byte {
	text := fmt.Appendf(nil, "%s\x00%s\x00%d\x00", stampHeader, s.tree, len(s.files))
	for _, f := range s.files {
		text = fmt.Appendf(text, "%o %s %d %d %d %s\x00", uint32(f.Mode), f.ID, f.Size, f.Modified, f.Inode, f.Path)
	}
	return text
}

// parseStamp reads what text gives.
func parseStamp(text []byte) (stamp, error) {
	lines := strings.Split(string(text), "\x00")
	if len(lines) < 4 || lines[0] != stampHeader || lines[len(lines)-1] != "" || !plumbing.IsHash(lines[1]) {
		return stamp{}, errors.New("it is not a stamp of a worktree")
	}
	read := stamp{tree: plumbing.NewHash(lines[1])}
	files := lines[3 : len(lines)-1]
	if lines[2] != strconv.Itoa(len(files)) {
		return stamp{}, errors.New("it is cut short")
	}
	for _, line := range files {
		f, err := parseFile(line)
		if err != nil {
			return stamp{}, fmt.Errorf("%q: %w", line, err)
		}
		read.files = append(read.files, f)
	}
	return read, nil
}

func parseFile(line string) (file, error) {
	fields := strings.SplitN(line, " ", 6)
	if len(fields) != 6 || !plumbing.IsHash(fields[1]) || !validPath(fields[5]) {
		return file{}, errors.New("it is not a file")
	}
	mode, modeErr := strconv.ParseUint(fields[0], 8, 32)
	size, sizeErr := strconv.ParseInt(fields[2], 10, 64)
	modified, modifiedErr := strconv.ParseInt(fields[3], 10, 64)
	inode, inodeErr := strconv.ParseUint(fields[4], 10, 64)
	f := file{
		Path: fields[5], Mode: filemode.FileMode(mode), ID: plumbing.NewHash(fields[1]),
		Size: size, Modified: modified, Inode: inode,
	}
	return f, errors.Join(modeErr, sizeErr, modifiedErr, inodeErr)
}

func writeStamp(worktree string, s stamp) error {
	path := stampPath(worktree)
	// The folder is given, so that renameio does not ask the environment for one.
	pending, err := renameio.TempFile(filepath.Dir(path), path)
	if err != nil {
		return fmt.Errorf("noting the state of %s: %w", worktree, err)
	}
	defer pending.Cleanup() //nolint:errcheck // it does nothing after the replacement
	if _, err = pending.Write(s.text()); err == nil {
		err = pending.CloseAtomicallyReplace()
	}
	if err != nil {
		return fmt.Errorf("noting the state of %s: %w", worktree, err)
	}
	return nil
}

// readStamp returns the empty stamp where there is no readable one: every file is
// then compared by its content.
func readStamp(worktree string) stamp {
	text, err := os.ReadFile(stampPath(worktree))
	if err != nil {
		return stamp{}
	}
	s, err := parseStamp(text)
	if err != nil {
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

// removeUnfinishedStamps removes what a crash left of stamps being written:
// renameio puts a dot before the name, and digits after it.
func removeUnfinishedStamps(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, ".*"+stampSuffix+"[0-9]*"))
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
