package build

import (
	"context"
	"fmt"
	"slices"

	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
)

// Compile compiles packages of a tree, by import path, with the tree's own toolchain and
// for this host, and throws the result away: it says whether their types are right.
// Nothing is linked.
func (b Builder) Compile(ctx context.Context, tree Tree, options Options, packages []string) error {
	step := b.Progress.Step("compile packages", progress.Packages)
	defer step.Abort()
	counter := &packageCounter{step: step, done: make(chan struct{})}
	g := gocommand.Go{Toolchain: tree.Toolchain, Environment: b.Environment}
	// Without paths in it the result serves trees in other folders too; without
	// optimisation it is there sooner.
	args := []string{"build", "-v", "-trimpath", "-gcflags=all=-N -l", tags(options, tree)}
	err := g.Run(ctx, gocommand.Call{
		Args: slices.Concat(args, packages), Dir: tree.Dir, Set: settings(options, tree), Stderr: counter,
	})
	close(counter.done)
	if err != nil {
		return fmt.Errorf("compiling the touched packages: %w", err)
	}
	step.Done(fmt.Sprintf("%d packages", counter.packages()))
	return nil
}
