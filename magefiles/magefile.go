//go:build mage

// Turns a Kubernetes tag into a patched, debuggable kubelet.
//
// Each target takes flags: go tool mage -h TARGET lists them. Results go to
// dist/, what is remembered between runs to .steadylet/.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/bench"
	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/certvalidity"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/testrun"
)

// Build makes a patched program from a Kubernetes tag: fetch, verify, patch, compile.
func Build(ctx context.Context,
	version *string, // Kubernetes tag, such as v1.36.3 (default: that of the folder, or the newest in the lock)
	component *string, // kubelet, kubeadm, kube-apiserver, kubectl or edgecore (default: kubelet)
	mode *string, // debug or release (default: debug)
	arch *string, // amd64 or arm64 (default: this host's)
	cgo *bool, // link C code, as upstream's own builds do (default: for edgecore alone)
	series *string, // folder in patches/, or none for a stock build (default: restart-suppression)
	untested *bool, // also take a version that the series has no range for, or patches that are not locked
	leafYears *int, // years for which kubeadm signs certificates (default with -caYears: 10)
	caYears *int, // years for which kubeadm makes authorities (default with -leafYears: 30)
	source *string, // auto, git, module, archive or dir (default: auto)
	location *string, // URL or path of the repository, archive or folder
	commit *string, // commit ID that the tag must have, instead of the lock's
	sha256 *string, // digest that the archive must have, instead of the lock's
	layout *string, // upstream or vendored (default: detected)
	allowDirty *bool, // take a folder's uncommitted changes too
) error {
	options := build.Options{
		Component: value(component, "kubelet"), Mode: build.Mode(value(mode, string(build.Debug))),
		Arch: value(arch, runtime.GOARCH), CGO: value(cgo, build.NeedsCGO(value(component, "kubelet"))),
	}
	if err := options.CheckHost(ctx, os.Environ()); err != nil {
		return err // before anything is fetched
	}
	certificates := certvalidity.Request{Component: options.Component, Series: value(series, ""), Leaf: leafYears, CA: caYears}
	years, err := certificates.Years(time.Now())
	if err != nil {
		return err
	}
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error {
		from := sourceOptions(version, source, location, commit, sha256, layout, allowDirty)
		if years != nil {
			chosen, err := p.ValiditySeries(certificates, from)
			if err != nil {
				return err
			}
			series = &chosen
		}
		patched, err := patch(ctx, p, from, series, untested, years)
		if err != nil {
			return err
		}
		built, err := p.Build(ctx, patched, options)
		if err != nil {
			return err
		}
		p.PrintBuilt(built)
		return nil
	})
}

// Source fetches and verifies a Kubernetes tree, and stops there.
func Source(ctx context.Context,
	version *string, // Kubernetes tag, such as v1.36.3 (default: that of the folder, or the newest in the lock)
	source *string, // auto, git, module, archive or dir (default: auto)
	location *string, // URL or path of the repository, archive or folder
	commit *string, // commit ID that the tag must have, instead of the lock's
	sha256 *string, // digest that the archive must have, instead of the lock's
	layout *string, // upstream or vendored (default: detected)
	allowDirty *bool, // take a folder's uncommitted changes too
) error {
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error {
		tree, err := p.Source(ctx, sourceOptions(version, source, location, commit, sha256, layout, allowDirty))
		if err != nil {
			return err
		}
		p.PrintSource(tree)
		return nil
	})
}

// Patch applies the series to a tree, prints where each hunk went, and stops there.
func Patch(ctx context.Context,
	version *string, // Kubernetes tag, such as v1.36.3 (default: that of the folder, or the newest in the lock)
	series *string, // folder in patches/ (default: restart-suppression)
	untested *bool, // also take a version that the series has no range for, or patches that are not locked
	json *bool, // print the conflicts as JSON, also where there are none
	source *string, // auto, git, module, archive or dir (default: auto)
	location *string, // URL or path of the repository, archive or folder
	commit *string, // commit ID that the tag must have, instead of the lock's
	sha256 *string, // digest that the archive must have, instead of the lock's
	layout *string, // upstream or vendored (default: detected)
	allowDirty *bool, // take a folder's uncommitted changes too
) error {
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error {
		patched, err := patch(ctx, p, sourceOptions(version, source, location, commit, sha256, layout, allowDirty), series, untested, nil)
		if err != nil {
			return p.ReportConflicts(err, value(json, false))
		}
		if err := p.Checkout(ctx, patched); err != nil {
			return err
		}
		return p.PrintPatched(patched, value(json, false))
	})
}

// Bench measures the pipeline against what a person would run instead; it takes half an hour.
func Bench(ctx context.Context,
	version *string, // Kubernetes tag to build (default: v1.31.0)
	archive *string, // source tarball of 1.20.2; without it the checkout is not measured
	only *string, // some of apply, decision, file, start, checkout, build, separated by commas (default: all)
	rounds *int, // how often what is short is repeated (default: 3)
	soak *time.Duration, // how long a kubelet is watched for writes of its state file (default: 10m)
	readme *bool, // put the rows into the table in README.md
) error {
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error {
		figures, err := p.Bench(ctx, pipeline.BenchOptions{
			Version: value(version, "v1.31.0"), Archive: value(archive, ""), Only: value(only, ""), Rounds: value(rounds, 3),
			Soak: value(soak, 10*time.Minute),
		})
		return errors.Join(err, p.Show("figures", err == nil && value(readme, false), func(out io.Writer) { bench.Print(out, figures) }))
	})
}

// Clean removes trees and step records; with -dist also the results.
func Clean(ctx context.Context,
	dist *bool, // remove dist/ too
) error {
	return run(ctx, func(_ context.Context, p *pipeline.Pipeline) error { return p.Clean(value(dist, false)) })
}

// checkArguments refuses a version that is not the value of a flag, which mage would take
// for a target, and say so only after it has run the one before; and a flag without a value,
// as of a variable that is not set, which would count as left out.
func checkArguments(args []string) error {
	for _, arg := range args {
		if name, empty := strings.CutSuffix(arg, "="); empty && strings.HasPrefix(name, "-") {
			return fmt.Errorf("%s has no value: leave it out for its default", name)
		}
		version, err := kubever.Parse(arg)
		if err != nil {
			continue
		}
		return fmt.Errorf("flags have names: did you mean -version=%s? (go tool mage -h TARGET lists them)", version)
	}
	return nil
}

func patch(ctx context.Context, p *pipeline.Pipeline, from pipeline.SourceOptions, series *string, untested *bool, years *certvalidity.Years) (*pipeline.Patched, error) {
	options := pipeline.PatchOptions{Series: value(series, pipeline.DefaultSeries), Untested: value(untested, false), Validity: years}
	if err := p.CheckSeries(options, from); err != nil {
		return nil, err // before anything is fetched
	}
	tree, err := p.Source(ctx, from)
	if err != nil {
		return nil, err
	}
	return p.Patch(ctx, tree, options)
}

func sourceOptions(version, source, location, commit, sha256, layout *string, allowDirty *bool) pipeline.SourceOptions {
	return pipeline.SourceOptions{
		Version: value(version, ""), Kind: value(source, "auto"), Location: value(location, ""),
		Commit: value(commit, ""), SHA256: value(sha256, ""), Layout: value(layout, ""), AllowDirty: value(allowDirty, false),
	}
}

// value returns what a flag was set to, or its default.
func value[T any](flag *T, otherwise T) T {
	if flag == nil {
		return otherwise
	}
	return *flag
}

// Verify builds kubelets and runs each for the first time, on containerd and under a debugger.
func Verify(ctx context.Context,
	versions *string, // tags, separated by commas (default: the newest of each minor version in the lock)
	source *string, // auto, git, module, archive or dir (default: auto)
	location *string, // URL or path of the repository, archive or folder
	commit *string, // commit ID that the tag must have, instead of the lock's
	sha256 *string, // digest that the archive must have, instead of the lock's
	allowDirty *bool, // take a folder's uncommitted changes too
	readme *bool, // put the rows into the table in README.md
) error {
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error {
		table, err := p.Verify(ctx, value(versions, ""), sourceOptions(nil, source, location, commit, sha256, nil, allowDirty))
		return errors.Join(err, p.Show("verify", err == nil && value(readme, false), func(out io.Writer) { pipeline.WriteVerified(out, table) }))
	})
}

// Test checks the sources and runs every test, those that build and run real kubelets too.
func Test(ctx context.Context,
	short *bool, // leave out the tests that build and run real kubelets; as root, some still start a containerd
) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	return testrun.Run(ctx, testrun.Config{
		Root: root, Out: os.Stdout, Short: value(short, false),
		// CI is where every prerequisite is installed, so nothing may be skipped.
		NoSkips: os.Getenv("CI") != "",
	})
}

// UpgradeTest upgrades real kubelets in place, on a cluster of its own, and counts what is replaced.
//
// The scenarios are plain, edit-before, edit-during, edit-content, edit-after, edit-undone,
// edit-and-back, death, liveness, sidecar-edit, static-edit, static-uid-edit,
// static-spec-edit, static-spec-edit-after, lost, corrupt, corrupt-edit, read-only,
// disk-full, clock, killed, disabled, disabled-by-variable, off-and-on, hops, hops-edit,
// stock-between, stock-again, rollback, rollback-edit, forth-and-back, forth-and-back-edit,
// newer-fields, dropped-fields, dropped-fields-edit, dropped-fields-clock and resize-policy; -scenario=list says what happens in each, and
// leaves it at that.
func UpgradeTest(ctx context.Context,
	from *string, // tag of the old kubelet (default: v1.30.14)
	to *string, // tag of the new kubelet (default: v1.31.0)
	via *string, // tag of a kubelet in between, for the scenarios hops and hops-edit
	fromStock *bool, // take the old kubelet without the series (default: true)
	toStock *bool, // take the new kubelet without the series: the control
	scenario *string, // names, separated by commas; all, for those that fit; or list (default: plain)
	archive *string, // source tarball, for v1.20.2
	keep *bool, // keep the logs of runs that pass too
	readme *bool, // put the rows into docs/upgrades.md, and their sum into README.md
) error {
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error {
		results, err := p.UpgradeTest(ctx, pipeline.UpgradeOptions{
			From: value(from, "v1.30.14"), Via: value(via, ""), To: value(to, "v1.31.0"),
			FromStock: value(fromStock, true), ToStock: value(toStock, false),
			Scenarios: value(scenario, "plain"), Archive: value(archive, ""), Keep: value(keep, false),
		})
		if len(results) == 0 {
			return err
		}
		return errors.Join(err, p.ShowUpgrades(results, value(readme, false)))
	})
}

// UpgradeMatrix runs the scenarios for every pair of versions, each with its stock control; it takes hours.
func UpgradeMatrix(ctx context.Context,
	scenario *string, // names, separated by commas, or all (default: all)
	archive *string, // source tarball of v1.20.2; without it that version is left out
	keep *bool, // keep the logs of runs that pass too
	readme *bool, // put the rows into docs/upgrades.md, and their sum into README.md
) error {
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error {
		results, err := p.UpgradeMatrix(ctx, pipeline.UpgradeOptions{
			Scenarios: value(scenario, "all"), Archive: value(archive, ""), Keep: value(keep, false),
		})
		if len(results) == 0 {
			return err
		}
		return errors.Join(err, p.ShowUpgrades(results, value(readme, false)))
	})
}
