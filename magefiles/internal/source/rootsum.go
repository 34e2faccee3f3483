package source

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
)

// rootSum computes the sum of the root module k8s.io/kubernetes from a tree in
// the upstream layout, in the form of the Go checksum database. The files are
// those that a module zip has: no vendored package, no nested module (so no
// staging module), no link.
func rootSum(dir, version string) (string, error) {
	files, err := zip.CheckDir(dir)
	if err != nil {
		return "", fmt.Errorf("computing the root module's sum: %w", err)
	}
	prefix := rootModule + "@" + version + "/"
	paths := make(map[string]string, len(files.Valid))
	names := make([]string, len(files.Valid))
	for i, file := range files.Valid {
		relative, err := filepath.Rel(dir, file)
		if err != nil {
			return "", fmt.Errorf("computing the root module's sum: %w", err)
		}
		names[i] = prefix + filepath.ToSlash(relative)
		paths[names[i]] = file
	}
	sum, err := dirhash.Hash1(names, func(name string) (io.ReadCloser, error) { return os.Open(paths[name]) })
	if err != nil {
		return "", fmt.Errorf("computing the root module's sum: %w", err)
	}
	return sum, nil
}

// proveRoot compares a tree in the upstream layout with the checksum database's
// sum of the tag's root module.
func (o *Origin) proveRoot(dir string, request Request) error {
	sum, err := rootSum(dir, request.Version.String())
	if err != nil {
		return err
	}
	o.RootSum = sum
	if want := request.Entry.RootSum(); sum != want {
		o.Warnings = append(o.Warnings, fmt.Sprintf(
			"the root module's sum is %s, the Go checksum database has %s for %s: this is not upstream's tree", sum, want, request.Version))
		return nil
	}
	o.Proofs = append(o.Proofs, "the root module k8s.io/kubernetes (all but vendored packages and staging modules) has the sum in the lock, which the Go checksum database signed")
	return nil
}

// RootFiles returns which files of a tree in the upstream layout are those of the root
// module k8s.io/kubernetes, as rootSum takes them.
func RootFiles(entries []gittree.Entry) ([]string, error) {
	files := make([]zip.File, len(entries))
	for i, entry := range entries {
		files[i] = treeFile{entry}
	}
	checked, err := zip.CheckFiles(files)
	if err != nil {
		return nil, fmt.Errorf("listing the root module's files: %w", err)
	}
	return checked.Valid, nil
}

// treeFile is a file of a tree, of which only its name and kind are asked for.
type treeFile struct{ gittree.Entry }

func (f treeFile) Path() string                 { return f.Entry.Path }
func (f treeFile) Lstat() (fs.FileInfo, error)  { return f, nil }
func (f treeFile) Open() (io.ReadCloser, error) { return nil, fs.ErrInvalid }
func (f treeFile) Name() string                 { return path.Base(f.Entry.Path) }
func (f treeFile) Size() int64                  { return 0 }
func (f treeFile) ModTime() time.Time           { return time.Time{} }
func (f treeFile) IsDir() bool                  { return false }
func (f treeFile) Sys() any                     { return nil }

// Mode implements fs.FileInfo.
func (f treeFile) Mode() fs.FileMode {
	if f.Link {
		return fs.ModeSymlink
	}
	return 0o444
}
