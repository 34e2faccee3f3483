package gittree

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"runtime"

	"github.com/go-git/go-git/v5/plumbing/filemode"
)

// maxOpenFolders bounds the folders that a placer keeps open; maxWorkers bounds
// the placers, so that they stay below what a process may open in all.
const (
	maxOpenFolders = 400
	maxWorkers     = 4
)

// workerCount is how many goroutines share the work on files.
func workerCount() int { return min(runtime.GOMAXPROCS(0), maxWorkers) }

// placer writes files into a worktree. It keeps the folders open in which it
// writes: files come in about the order of their paths, and the way from the root
// to a file costs more than the file. It must not be used concurrently.
type placer struct {
	root *os.Root
	open map[string]*os.Root
	// there holds the folders that were opened before.
	there map[string]bool
}

func newPlacer(worktree string) (*placer, error) {
	root, err := os.OpenRoot(worktree)
	if err != nil {
		return nil, err
	}
	return &placer{root: root, open: map[string]*os.Root{}, there: map[string]bool{}}, nil
}

func (p *placer) close() error { return errors.Join(p.closeFolders(), p.root.Close()) }

func (p *placer) closeFolders() error {
	var err error
	for _, folder := range p.open {
		err = errors.Join(err, folder.Close())
	}
	clear(p.open)
	return err
}

// folder opens a folder and makes it where it is missing.
func (p *placer) folder(name string) (*os.Root, error) {
	if name == "." {
		return p.root, nil
	}
	if folder, ok := p.open[name]; ok {
		return folder, nil
	}
	parent, err := p.folder(path.Dir(name))
	if err != nil {
		return nil, err
	}
	base := path.Base(name)
	if !p.there[name] {
		if err := parent.Mkdir(base, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		p.there[name] = true
	}
	folder, err := parent.OpenRoot(base)
	if err != nil {
		return nil, err
	}
	p.open[name] = folder
	return folder, nil
}

// place creates the file, which must not exist, and notes how it looks.
func (p *placer) place(f *file, content []byte) error {
	if len(p.open) > maxOpenFolders {
		if err := p.closeFolders(); err != nil {
			return err
		}
	}
	folder, err := p.folder(path.Dir(f.Path))
	if err != nil {
		return err
	}
	info, err := create(folder, path.Base(f.Path), f.Mode, content)
	if err != nil {
		return err
	}
	id := f.ID
	*f, err = newFile(f.Path, info)
	f.ID = id
	return err
}

func create(folder *os.Root, name string, mode filemode.FileMode, content []byte) (fs.FileInfo, error) {
	permissions := fs.FileMode(0o644)
	switch mode {
	case filemode.Symlink:
		if err := folder.Symlink(string(content), name); err != nil {
			return nil, err
		}
		return folder.Lstat(name)
	case filemode.Executable:
		permissions = 0o755
	}
	created, err := folder.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, permissions)
	if err != nil {
		return nil, err
	}
	_, err = created.Write(content)
	info, statErr := created.Stat()
	return info, errors.Join(err, statErr, created.Close())
}
