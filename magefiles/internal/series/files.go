package series

import (
	"fmt"
	"io/fs"
)

// File is the content of a plain file in a source tree.
type File struct {
	Data       []byte
	Executable bool
}

// Files reads a source tree. Paths are slash paths in the upstream layout. An
// absent file gives an error that matches fs.ErrNotExist.
type Files interface {
	ReadFile(path string) (File, error)
}

// FromFS returns the files of fsys. Anything other than a plain file, such as a
// symbolic link, is refused. To be sure that no folder leads out of the tree,
// give it the FS of an os.Root.
func FromFS(fsys fs.FS) Files { return fsFiles{fsys} }

type fsFiles struct{ fsys fs.FS }

func (f fsFiles) ReadFile(path string) (File, error) {
	info, err := fs.Lstat(f.fsys, path)
	if err != nil {
		return File{}, err
	}
	if !info.Mode().IsRegular() {
		return File{}, fmt.Errorf("%s is not a plain file", path)
	}
	data, err := fs.ReadFile(f.fsys, path)
	return File{Data: data, Executable: info.Mode()&0o100 != 0}, err
}
