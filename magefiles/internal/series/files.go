package series

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
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

// Overlay returns the files of base with changes made to them. Changes are in order; a
// later one of the same path counts.
func Overlay(base Files, changes []FileChange) Files {
	o := &overlay{base: base, files: map[string]*state{}}
	for _, change := range changes {
		s := &state{present: change.New != nil}
		if change.New != nil {
			s.File = *change.New
		}
		o.files[change.Path] = s
	}
	return o
}

// SameChanges reports whether two lists of changes come to the same files.
func SameChanges(a, b []FileChange) bool {
	return slices.EqualFunc(a, b, func(x, y FileChange) bool {
		return x.Path == y.Path && SameFile(x.New, y.New) && SameFile(x.Old, y.Old)
	})
}

// SameFile reports whether two files are equal; nil is an absent one.
func SameFile(a, b *File) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Executable == b.Executable && bytes.Equal(a.Data, b.Data)
}
