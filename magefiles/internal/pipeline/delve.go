package pipeline

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/steadylet/steadylet/magefiles/internal/debugkit"
	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
)

// Delve builds the debugger that go.mod pins for this host and returns its path.
func (p *Pipeline) Delve(ctx context.Context) (string, error) {
	return p.DelveFor(ctx, runtime.GOARCH)
}

// DelveFor builds the debugger that go.mod pins for an architecture, into
// dist/delve/VERSION/linux-ARCH, and returns its path. The go command remembers what is
// compiled already.
func (p *Pipeline) DelveFor(ctx context.Context, arch string) (string, error) {
	if err := debugkit.CheckArchitecture(arch); err != nil {
		return "", err
	}
	version, err := debugkit.DelveVersion(p.config.Root)
	if err != nil {
		return "", err
	}
	path := filepath.Join(p.config.Root, "dist", "delve", version, "linux-"+arch, "dlv")
	p.progress.Say("compiling Delve %s for %s", version, arch)
	// The newest one, since a debugger reads programs of older toolchains only.
	g := gocommand.Go{Toolchain: p.lock.NewestToolchain(), Environment: p.config.Environment}
	return path, debugkit.BuildDelve(ctx, g, p.config.Root, arch, path)
}

// PrintPath writes the path of a result, relative to the repository, so that it can be
// piped.
func (p *Pipeline) PrintPath(path string) error {
	p.progress.Close()
	if relative, err := filepath.Rel(p.config.Root, path); err == nil {
		path = relative
	}
	_, err := fmt.Fprintln(p.config.Results, path)
	return err
}
