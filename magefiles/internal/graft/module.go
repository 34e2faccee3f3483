package graft

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/dirhash"

	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
	"github.com/steadylet/steadylet/magefiles/internal/gosum"
)

// ErrModuleSum is matched by RenameioDir's error when the module's folder holds
// something else than go.sum says, or when go.sum says nothing about it. What
// the go command refuses by itself gives its error instead.
var ErrModuleSum = errors.New("module does not match go.sum")

// RenameioDir returns the folder that holds the sources of renameio, in the
// version that go.mod in root requires. The go command fetches the module if it
// isn't in the module cache yet. environment is what the go command starts
// from, as "NAME=value"; its flags and toolchain are not taken from there.
//
// The folder's content is hashed and compared with go.sum in root, since it is
// copied into every tree: a module cache that somebody edited is refused.
func RenameioDir(ctx context.Context, root string, environment []string) (string, error) {
	// Read first, because the go command adds sums that are missing.
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return "", fmt.Errorf("looking up %s: %w", renameioPath, err)
	}
	module, err := download(ctx, root, environment)
	if err != nil {
		return "", fmt.Errorf("fetching %s: %w", renameioPath, err)
	}
	if err := module.check(sums); err != nil {
		return "", err
	}
	return module.Dir, nil
}

// module is the part that is used of what go mod download -json prints.
type module struct {
	Path, Version, Dir, Error string
}

func download(ctx context.Context, root string, environment []string) (*module, error) {
	// The toolchain is the one that go.mod asks for, as for this program.
	auto := gocommand.Go{Toolchain: "auto", Environment: environment}
	out, err := auto.Output(ctx, gocommand.Call{Args: []string{"mod", "download", "-json", renameioPath}, Dir: root})
	var found module
	// A module that can't be had is described on the standard output.
	if json.Unmarshal(out, &found) == nil && found.Error != "" {
		return nil, errors.New(found.Error)
	}
	if err != nil {
		return nil, err
	}
	if found.Dir == "" || found.Version == "" {
		return nil, fmt.Errorf("go mod download in %s named no folder", root)
	}
	return &found, nil
}

// check compares the content of the module's folder with sums, a go.sum file.
func (m *module) check(sums []byte) error {
	want := gosum.Lookup(string(sums), m.Path, m.Version)
	if want == "" {
		return fmt.Errorf("%w: go.sum has no line for %s %s; run go mod download, and look at what it adds",
			ErrModuleSum, m.Path, m.Version)
	}
	got, err := dirhash.HashDir(m.Dir, m.Path+"@"+m.Version, dirhash.Hash1)
	if err != nil {
		return fmt.Errorf("hashing %s: %w", m.Dir, err)
	}
	if got != want {
		return fmt.Errorf("%w: %s has the sum %s where go.sum has %s; run go clean -modcache to have it fetched again",
			ErrModuleSum, m.Dir, got, want)
	}
	return nil
}
