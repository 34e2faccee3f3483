package neighbour

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
)

// Options say what is built.
type Options struct {
	// Version is the program's, "v1.2.3"; Arch is amd64 or arm64.
	Version, Arch string
	// Tree is the folder where its sources are laid out, and stay for the debugger. It is
	// emptied first.
	Tree string
	// Out is the folder that the binary comes to.
	Out string
}

// Check refuses what is wrong before anything is fetched.
func (r Recipe) Check(options Options) error {
	if options.Arch != "amd64" && options.Arch != "arm64" {
		return fmt.Errorf("architecture %q is not supported: want amd64 or arm64", options.Arch)
	}
	if r.CGO && options.Arch != runtime.GOARCH {
		return fmt.Errorf("%s needs a C compiler for %s, and this host is %s: build it on such a host", r.Name, options.Arch, runtime.GOARCH)
	}
	_, _, err := r.ModuleAt(options.Version)
	return err
}

// Build fetches the module, lays its sources out and compiles the program, and returns the
// binary's path. Nothing of an earlier build is left in place when it fails.
func (r Recipe) Build(ctx context.Context, g gocommand.Go, options Options) (string, error) {
	if err := r.Check(options); err != nil {
		return "", err
	}
	cgo := "0"
	if r.CGO {
		cgo = "1"
		if err := build.CheckCompiler(ctx, g.Environment, r.Name, options.Arch); err != nil {
			return "", err
		}
	}
	modulePath, version, err := r.ModuleAt(options.Version)
	if err != nil {
		return "", err
	}
	if err := r.layOut(ctx, g, modulePath+"@"+version, options.Tree); err != nil {
		return "", fmt.Errorf("laying out the sources of %s %s: %w", r.Name, options.Version, err)
	}
	out := filepath.Join(options.Out, r.Program)
	if err := errors.Join(os.MkdirAll(options.Out, 0o755), os.RemoveAll(out)); err != nil {
		return "", fmt.Errorf("building %s: %w", r.Name, err)
	}
	err = g.Run(ctx, gocommand.Call{
		Args: r.arguments(modulePath, options.Version, out), Dir: options.Tree,
		Set: []string{"GOOS=linux", "GOARCH=" + options.Arch, "CGO_ENABLED=" + cgo},
	})
	if err != nil {
		return "", fmt.Errorf("building %s %s: %w", r.Name, options.Version, err)
	}
	return out, nil
}

// layOut copies a module from the module cache, so that it is a main module.
func (r Recipe) layOut(ctx context.Context, g gocommand.Go, query, tree string) error {
	if err := os.RemoveAll(tree); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(tree), 0o755); err != nil {
		return err
	}
	// Not in a module: the answer is to depend on the query alone.
	outside, err := os.MkdirTemp("", "steadylet-module")
	if err != nil {
		return err
	}
	defer os.RemoveAll(outside)
	out, err := g.Output(ctx, gocommand.Call{Args: []string{"mod", "download", "-json", query}, Dir: outside})
	var downloaded struct{ Dir, Error string }
	decodeErr := json.Unmarshal(out, &downloaded)
	// With -json the go command says why in its answer, not on standard error.
	if decodeErr == nil && downloaded.Error != "" {
		if gocommand.NoSuchVersion(downloaded.Error) {
			return fmt.Errorf("there is no %s, look for its releases: %s", query, downloaded.Error)
		}
		return fmt.Errorf("%s can't be had now: %s", query, downloaded.Error)
	}
	if err := cmp.Or(err, decodeErr); err != nil {
		return err
	}
	if downloaded.Dir == "" {
		return fmt.Errorf("go mod download names no folder of %s", query)
	}
	if err := os.CopyFS(tree, os.DirFS(downloaded.Dir)); err != nil {
		return err
	}
	if r.GoMod == "" {
		return nil
	}
	for from, to := range map[string]string{r.GoMod: "go.mod", strings.TrimSuffix(r.GoMod, ".mod") + ".sum": "go.sum"} {
		if err := os.Rename(filepath.Join(tree, from), filepath.Join(tree, to)); err != nil {
			return err
		}
	}
	return nil
}
