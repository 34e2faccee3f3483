//go:build mage

package main

import (
	"context"

	"github.com/steadylet/steadylet/magefiles/internal/impact"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
)

// Impact says what an upgrade from one version to another does to containers, and why, from the sources.
func Impact(ctx context.Context,
	from *string, // tag of the old kubelet (default: v1.30.14)
	to *string, // tag of the new kubelet (default: v1.31.0)
	format *string, // table, json or markdown (default: table)
	archive *string, // source tarball, to read v1.20.2 from that instead of its modules
) error {
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error {
		return p.Impact(ctx, pipeline.ImpactOptions{
			From: value(from, "v1.30.14"), To: value(to, "v1.31.0"), Format: value(format, impact.Table), Archive: value(archive, ""),
		})
	})
}
