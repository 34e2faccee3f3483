package pipeline

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/check"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
)

// CompileChecked compiles the packages that a report's patches touch, on every tag whose
// sources can be built, with the tag's own toolchain. archive is the source tarball of
// 1.20.2; it may be empty. What is left out is said, and why. The error names every tag
// that does not compile.
func (p *Pipeline) CompileChecked(ctx context.Context, report *check.Report, archive string) error {
	return p.eachBuildable(ctx, report, archive, "%s is not compiled: %s", func(row check.Row, _ lock.Entry) error {
		return p.compileRow(ctx, row, archive)
	})
}

// eachBuildable does the work for every row of a report whose series is for exactly that
// tag and whose sources can be built. Others are said, as leftOut has it: with the
// version and the reason. It goes on after a failure.
func (p *Pipeline) eachBuildable(ctx context.Context, report *check.Report, archive, leftOut string, work func(check.Row, lock.Entry) error) error {
	var failures []error
	for _, row := range report.Rows {
		if row.Found == nil || row.Selection.Kind != check.Exact {
			continue
		}
		entry, err := p.lock.Entry(row.Version)
		if err != nil {
			return err
		}
		if reason := unbuildable(entry, archive); reason != "" {
			p.progress.Say(leftOut, row.Version, reason)
			continue
		}
		if err := work(row, entry); err != nil {
			failures = append(failures, fmt.Errorf("series %s on %s: %w", row.Series, row.Version, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failures...)
}

// unbuildable says why a tag's sources can't be built here, or nothing.
func unbuildable(entry lock.Entry, archive string) string {
	switch {
	case entry.RootOnly:
		return "its staging modules can't be had"
	case entry.Version.String() == archiveVersion && archive == "":
		return "its source is a tarball: name it with -archive"
	}
	return ""
}

func (p *Pipeline) compileRow(ctx context.Context, row check.Row, archive string) error {
	loaded, err := p.loadSeries(row.Series)
	if err != nil {
		return err
	}
	tree, err := p.Source(ctx, sourceOf(row.Version, archive))
	if err != nil {
		return err
	}
	patched, err := p.Patch(ctx, tree, PatchOptions{Series: row.Series})
	if err != nil {
		return err
	}
	if err := p.Checkout(ctx, patched); err != nil {
		return err
	}
	builder := build.Builder{Environment: p.config.Environment, Progress: p.progress}
	options := build.Options{Component: loaded.Components[0], Mode: build.Debug, Arch: runtime.GOARCH}
	return builder.Compile(ctx, p.target(patched), options, packagesOf(row.Selection.Paths()))
}

// sourceOf says where a tag's tree comes from: a tarball for the version that is
// published as no set of modules that builds.
func sourceOf(version kubever.Version, archive string) SourceOptions {
	if version.String() == archiveVersion {
		return SourceOptions{Version: version.String(), Kind: "archive", Location: archive}
	}
	return SourceOptions{Version: version.String(), Kind: "auto"}
}

// packagesOf returns the import paths of the packages that files of the upstream layout
// belong to, sorted.
func packagesOf(paths []string) []string {
	var packages []string
	for _, name := range paths {
		if path.Ext(name) != ".go" {
			continue
		}
		folder := path.Dir(name)
		if staged, ok := strings.CutPrefix(folder, "staging/src/"); ok {
			packages = append(packages, staged)
		} else {
			packages = append(packages, "k8s.io/kubernetes/"+folder)
		}
	}
	slices.Sort(packages)
	return slices.Compact(packages)
}
