package source

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"
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
	for i, path := range files.Valid {
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return "", fmt.Errorf("computing the root module's sum: %w", err)
		}
		names[i] = prefix + filepath.ToSlash(relative)
		paths[names[i]] = path
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
