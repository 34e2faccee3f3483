// Package debugkit makes what a person needs to debug a kubelet on another host: the
// debugger, sets of breakpoints, the configuration of an IDE, and one archive of it all.
package debugkit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"

	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
)

// delveModule is the debugger's.
const delveModule = "github.com/go-delve/delve"

// DelveVersion returns the version of the debugger that the go.mod at root pins.
func DelveVersion(root string) (string, error) {
	path := filepath.Join(root, "go.mod")
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("finding the version of Delve: %w", err)
	}
	file, err := modfile.ParseLax(path, data, nil)
	if err != nil {
		return "", fmt.Errorf("finding the version of Delve: %w", err)
	}
	for _, required := range file.Require {
		if required.Mod.Path == delveModule {
			return required.Mod.Version, nil
		}
	}
	return "", fmt.Errorf("finding the version of Delve: %s does not require %s", path, delveModule)
}

// CheckArchitecture refuses what Delve is not built for here, before anything is done.
func CheckArchitecture(arch string) error {
	if arch != "amd64" && arch != "arm64" {
		return fmt.Errorf("architecture %q is not supported: want amd64 or arm64", arch)
	}
	return nil
}

// BuildDelve compiles the debugger that the go.mod at root pins to out: one static binary
// for linux, whose bytes are a function of the toolchain, the version and arch. Its
// modules come as those of any build here do, and go.sum vouches for them.
//
// A debugger must know the format of what it reads, so g should be a toolchain that is
// not older than that of the kubelet.
func BuildDelve(ctx context.Context, g gocommand.Go, root, arch, out string) error {
	if err := CheckArchitecture(arch); err != nil {
		return fmt.Errorf("building Delve: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return fmt.Errorf("building Delve: %w", err)
	}
	err := g.Run(ctx, gocommand.Call{
		Args: []string{
			"build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags=-s -w -buildid=", "-o", out, delveModule + "/cmd/dlv",
		},
		Dir: root, Set: []string{"GOOS=linux", "GOARCH=" + arch, "CGO_ENABLED=0"},
	})
	if err != nil {
		return fmt.Errorf("building Delve for %s: %w", arch, err)
	}
	return nil
}
