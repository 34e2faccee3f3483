package gittree

import (
	"fmt"
	"path"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// maxFiles and maxFolders bound a tree: a few objects can describe more files, or empty
// folders, than there are atoms. Kubernetes has some 23,000 files in 5,000 folders.
const (
	maxFiles   = 4 << 20
	maxFolders = 1 << 17
)

// files lists a stored tree's files. It refuses what a checkout must not write.
func (s *Store) files(tree plumbing.Hash) ([]file, error) {
	l := listing{store: s}
	err := l.walk(tree, "")
	return l.files, err
}

// listing collects the files of a tree.
type listing struct {
	store   *Store
	files   []file
	folders int
}

func (l *listing) walk(tree plumbing.Hash, folder string) error {
	if l.folders++; l.folders > maxFolders {
		return fmt.Errorf("%q is one folder too many: %w", folder, ErrPath)
	}
	entries, err := l.store.entries(tree)
	if err != nil {
		return err
	}
	names := make(map[string]bool, len(entries))
	for _, entry := range entries {
		name := path.Join(folder, entry.Name)
		if !validName(entry.Name) || names[entry.Name] {
			return fmt.Errorf("%q: %w", name, ErrPath)
		}
		names[entry.Name] = true
		if err := l.entry(name, entry); err != nil {
			return err
		}
	}
	return nil
}

func (l *listing) entry(name string, entry object.TreeEntry) error {
	mode := entry.Mode
	switch mode {
	case filemode.Dir:
		return l.walk(entry.Hash, name)
	case filemode.Deprecated:
		mode = filemode.Regular
	case filemode.Regular, filemode.Executable, filemode.Symlink:
	default:
		return fmt.Errorf("%q has mode %s: %w", name, entry.Mode, ErrPath)
	}
	if len(l.files) >= maxFiles {
		return fmt.Errorf("%q is one file too many: %w", name, ErrPath)
	}
	l.files = append(l.files, file{Path: name, Mode: mode, ID: entry.Hash})
	return nil
}
