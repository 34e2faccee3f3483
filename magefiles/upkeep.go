//go:build mage

package main

import (
	"context"
	"errors"

	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
)

// Check tries every series on every locked tag, without building, and prints the matrix.
func Check(ctx context.Context,
	version *string, // Kubernetes tag, in the lock or not, or all (default: all)
	series *string, // folder in patches/ (default: every one)
	json *bool, // print the report as JSON
	compile *bool, // also compile the touched packages, where a tag can be built
	upstreamTests *bool, // also run upstream's tests of the touched packages, stock against patched
	archive *string, // source tarball, to compile v1.20.2
) error {
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error {
		report, err := p.Check(ctx, pipeline.CheckOptions{Series: value(series, ""), Version: value(version, pipeline.AllVersions)})
		if err != nil {
			return err
		}
		if report.Err() == nil { // else there is nothing to compile yet
			if value(compile, false) {
				err = p.CompileChecked(ctx, report, value(archive, ""))
			}
			if value(upstreamTests, false) {
				err = errors.Join(err, p.UpstreamTests(ctx, report))
			}
		}
		return errors.Join(err, p.PrintCheck(report, value(json, false)))
	})
}

// Lock adds a Kubernetes tag to patches/kubernetes.lock.yaml, and records what every series does.
func Lock(ctx context.Context,
	version *string, // Kubernetes tag, such as v1.36.3 (default: none; record the series as they are)
	toolchain *string, // Go toolchain instead of the one that the tag names, such as go1.15.15
	unsigned *bool, // also take staging modules that the checksum database does not know
) error {
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error {
		return p.Lock(ctx, pipeline.LockOptions{
			Version: value(version, ""), Toolchain: value(toolchain, ""), Unsigned: value(unsigned, false),
		})
	})
}

// Edit lays a tree out with one commit a patch, to edit or to rebase with git; export makes patches of it.
func Edit(ctx context.Context,
	version *string, // Kubernetes tag (default: the newest in the lock)
	from *string, // Kubernetes tag whose patches you want to bring to -version (default: edit the patches of -version)
	series *string, // folder in patches/ (default: restart-suppression)
	discard *bool, // drop the tree that is open
) error {
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error {
		if value(discard, false) {
			return p.DiscardEdit()
		}
		return p.Edit(ctx, pipeline.EditOptions{Series: value(series, pipeline.DefaultSeries), Version: value(version, ""), From: value(from, "")})
	})
}

// Export makes patches of the tree that edit opened; without one it proves that nothing changes.
func Export(ctx context.Context,
	into *int, // number of the patch that takes what is not committed (default: the one that changed the file)
) error {
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error { return p.Export(ctx, value(into, 0)) })
}

// Update looks for new Kubernetes tags, says what each asks for, and locks those that are safe.
func Update(ctx context.Context,
	dryRun *bool, // only report, write nothing
	json *bool, // print the report as JSON
) error {
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error {
		return p.Update(ctx, pipeline.UpdateOptions{DryRun: value(dryRun, false), JSON: value(json, false)})
	})
}
