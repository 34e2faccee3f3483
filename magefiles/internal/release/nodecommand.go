package release

import (
	"context"
	"fmt"

	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
)

// BuildNodeCommand compiles cmd/steadylet of the repository at root to out: one static
// binary that names version as its own, the same bytes in every folder.
func BuildNodeCommand(ctx context.Context, g gocommand.Go, root, arch, version, out string) error {
	err := g.Run(ctx, gocommand.Call{
		Args: []string{
			"build", "-trimpath", "-buildvcs=false", "-mod=readonly",
			"-ldflags=-s -w -buildid= -X=main.release=" + version, "-o", out, "./cmd/steadylet",
		},
		Dir: root, Set: []string{"GOOS=linux", "GOARCH=" + arch, "CGO_ENABLED=0"},
	})
	if err != nil {
		return fmt.Errorf("compiling the node command for %s: %w", arch, err)
	}
	return nil
}
