package pipeline

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
	"github.com/steadylet/steadylet/magefiles/internal/neighbour"
)

// DebugBuild builds a program that runs beside a kubelet, for a debugger, into
// dist/NAME/VERSION/linux-ARCH/debug, and returns the binary's path. Its sources stay in
// .steadylet/neighbours, where the binary says they are.
func (p *Pipeline) DebugBuild(ctx context.Context, component, version, arch string) (string, error) {
	recipe, err := neighbour.Load(component)
	if err != nil {
		return "", err
	}
	if version == "" {
		return "", errors.New("which release of " + component + "? Say it with -version=v1.2.3")
	}
	options := neighbour.Options{
		Version: version, Arch: arch,
		Tree: filepath.Join(p.space.Dir(), "neighbours", component+"-"+version),
		Out:  filepath.Join(p.config.Root, "dist", component, version, "linux-"+arch, "debug"),
	}
	if err := recipe.Check(options); err != nil {
		return "", err
	}
	p.progress.Say("building %s %s for %s", component, version, arch)
	// A program's own requirement of Go is a lower bound.
	return recipe.Build(ctx, gocommand.Go{Toolchain: p.lock.NewestToolchain(), Environment: p.config.Environment}, options)
}
