//go:build mage

package main

import (
	"context"
	"runtime"

	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
)

// Dlv builds Delve, the debugger that go.mod pins, for a node.
func Dlv(ctx context.Context,
	arch *string, // amd64 or arm64 (default: this host's)
) error {
	return run(func(p *pipeline.Pipeline) error {
		path, err := p.DelveFor(ctx, value(arch, runtime.GOARCH))
		if err != nil {
			return err
		}
		return p.PrintPath(path)
	})
}
