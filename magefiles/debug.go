//go:build mage

package main

import (
	"context"
	"runtime"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
)

// Dlv builds Delve, the debugger that go.mod pins, for a node.
func Dlv(ctx context.Context,
	arch *string, // amd64 or arm64 (default: this host's)
) error {
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error {
		path, err := p.DelveFor(ctx, value(arch, runtime.GOARCH))
		if err != nil {
			return err
		}
		return p.PrintPath(path)
	})
}

// Ide writes a launch.json, a run configuration of GoLand and paths for Delve's client.
func Ide(ctx context.Context,
	binary *string, // kubelet that is there already (default: it is built, from what follows)
	version *string, // Kubernetes tag, such as v1.36.3 (default: that of the folder, or the newest in the lock)
	mode *string, // debug or release (default: debug)
	arch *string, // amd64 or arm64 (default: this host's)
	series *string, // folder in patches/, or none for a stock build (default: restart-suppression)
	source *string, // auto, git, module, archive or dir (default: auto)
	location *string, // URL or path of the repository, archive or folder
	commit *string, // commit ID that the tag must have, instead of the lock's
	sha256 *string, // digest that the archive must have, instead of the lock's
	layout *string, // upstream or vendored (default: detected)
	allowDirty *bool, // take a folder's uncommitted changes too
	tree *string, // where you have the sources (default: the tree that is built)
	goroot *string, // where you have the standard library (default: where the toolchain has it)
	port *int, // where your tunnel to Delve begins (default: 2345)
) error {
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error {
		dir, err := p.IDE(ctx, pipeline.IDEOptions{
			Binary: value(binary, ""),
			Source: sourceOptions(version, source, location, commit, sha256, layout, allowDirty),
			Patch:  pipeline.PatchOptions{Series: value(series, pipeline.DefaultSeries)},
			Build: build.Options{
				Component: "kubelet", Mode: build.Mode(value(mode, string(build.Debug))), Arch: value(arch, runtime.GOARCH),
			},
			Tree: value(tree, ""), GOROOT: value(goroot, ""), Port: value(port, 2345),
		})
		if err != nil {
			return err
		}
		return p.PrintPath(dir)
	})
}

// DebugBuild builds a program that runs beside a kubelet, for a debugger.
func DebugBuild(ctx context.Context,
	component *string, // runc, containerd, dockerd, docker-cli or crictl (default: runc)
	version *string, // its release, such as v1.1.13
	arch *string, // amd64 or arm64 (default: this host's)
) error {
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error {
		path, err := p.DebugBuild(ctx, value(component, "runc"), value(version, ""), value(arch, runtime.GOARCH))
		if err != nil {
			return err
		}
		return p.PrintPath(path)
	})
}

// DebugBundle packs a debug kubelet, Delve, the scripts and what ide writes, for a node.
func DebugBundle(ctx context.Context,
	version *string, // Kubernetes tag, such as v1.36.3 (default: that of the folder, or the newest in the lock)
	arch *string, // amd64 or arm64 (default: this host's)
	series *string, // folder in patches/, or none for a stock build (default: restart-suppression)
	source *string, // auto, git, module, archive or dir (default: auto)
	location *string, // URL or path of the repository, archive or folder
	commit *string, // commit ID that the tag must have, instead of the lock's
	sha256 *string, // digest that the archive must have, instead of the lock's
	layout *string, // upstream or vendored (default: detected)
	allowDirty *bool, // take a folder's uncommitted changes too
	tree *string, // where you have the sources (default: the tree that is built)
	goroot *string, // where you have the standard library (default: where the toolchain has it)
	port *int, // where your tunnel to Delve begins (default: 2345)
) error {
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error {
		path, err := p.DebugBundle(ctx, pipeline.IDEOptions{
			Source: sourceOptions(version, source, location, commit, sha256, layout, allowDirty),
			Patch:  pipeline.PatchOptions{Series: value(series, pipeline.DefaultSeries)},
			Build:  build.Options{Component: "kubelet", Mode: build.Debug, Arch: value(arch, runtime.GOARCH)},
			Tree:   value(tree, ""), GOROOT: value(goroot, ""), Port: value(port, 2345),
		})
		if err != nil {
			return err
		}
		return p.PrintPath(path)
	})
}
