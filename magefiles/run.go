//go:build mage

package main

import (
	"context"
	"errors"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/term"

	"github.com/steadylet/steadylet/magefiles/internal/ending"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
)

// gcPercent is how much the heap may grow before garbage is collected.
const gcPercent = 40

// run opens the pipeline in the working directory, which mage makes the
// repository's root, and closes it whatever happens. The context that do gets ends
// once somebody asks the target to, and then no other target begins.
func run(ctx context.Context, do func(context.Context, *pipeline.Pipeline) error) (err error) {
	if err := checkArguments(os.Args[1:]); err != nil {
		return err
	}
	ctx, stop := ending.Context(ctx, os.Stderr)
	defer stop()
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	// A fetch makes much garbage; collecting it earlier halves its memory.
	debug.SetGCPercent(gcPercent)
	p, err := pipeline.Open(pipeline.Config{
		Root: root, Command: "mage " + strings.Join(os.Args[1:], " "), Environment: os.Environ(),
		Messages: os.Stderr, Results: os.Stdout, Terminal: term.IsTerminal(int(os.Stderr.Fd())),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := do(ctx, p); err != nil {
		return err
	}
	return context.Cause(ctx)
}
