package pipeline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/upgrade"
)

// apiServerVersion is that of the rig's API server, whatever the kubelets are.
const apiServerVersion = "v1.31.0"

// archiveVersion is the version whose source is an archive: it is published as no
// set of modules that builds.
const archiveVersion = "v1.20.2"

// UpgradeOptions say what the rig upgrades to what.
type UpgradeOptions struct {
	// From, Via and To are tags. Via may be empty.
	From, Via, To string
	// FromStock and ToStock ask for kubelets without the series.
	FromStock, ToStock bool
	// Scenarios are names, separated by commas, or "all" for those that fit, or "list",
	// which lists them and runs none.
	Scenarios string
	// Archive is the source tarball of 1.20.2, needed only where that is used.
	Archive string
	// Keep keeps the logs of runs that pass too.
	Keep bool
	// fitting leaves out what does not fit, as for "all".
	fitting bool
}

// UpgradeTest builds what it needs, runs the scenarios on real kubelets and writes a
// table of each. The error lists every container that was restarted without need, and
// every edit that was suppressed.
func (p *Pipeline) UpgradeTest(ctx context.Context, options UpgradeOptions) ([]*upgrade.Result, error) {
	if options.Scenarios == "list" {
		_, err := fmt.Fprint(p.config.Results, upgrade.Describe(upgrade.Scenarios()))
		return nil, err
	}
	scenarios, err := upgrade.Find(options.Scenarios)
	if err != nil {
		return nil, err
	}
	if err := upgrade.Require(); err != nil {
		return nil, err // before anything is built
	}
	rig, err := p.rig(ctx, options)
	if err != nil {
		return nil, err
	}
	if options.Scenarios == "all" || options.fitting {
		scenarios = upgrade.Fitting(rig, scenarios)
	}
	return upgrade.RunAll(ctx, rig, scenarios, p.config.Results)
}

// rig builds the kubelets and the API server.
func (p *Pipeline) rig(ctx context.Context, options UpgradeOptions) (upgrade.Options, error) {
	rig := upgrade.Options{
		Logs: filepath.Join(p.space.Dir(), "upgrade-logs"), Keep: options.Keep, Say: p.progress.Say,
	}
	var err error
	if rig.From, err = p.kubelet(ctx, options.From, options.FromStock, options.Archive); err != nil {
		return rig, err
	}
	if options.Via != "" {
		if rig.Via, err = p.kubelet(ctx, options.Via, false, options.Archive); err != nil {
			return rig, err
		}
	}
	if rig.To, err = p.kubelet(ctx, options.To, options.ToStock, options.Archive); err != nil {
		return rig, err
	}
	server, err := p.program(ctx, "kube-apiserver", apiServerVersion, true, options.Archive)
	if err != nil {
		return rig, err
	}
	rig.APIServer = server.Path
	return rig, nil
}

func (p *Pipeline) kubelet(ctx context.Context, version string, stock bool, archive string) (upgrade.Kubelet, error) {
	tag, err := kubever.Parse(version)
	if err != nil {
		return upgrade.Kubelet{}, err
	}
	built, err := p.program(ctx, "kubelet", tag.String(), stock, archive)
	if err != nil {
		return upgrade.Kubelet{}, err
	}
	return upgrade.Kubelet{Path: built.Path, Version: tag, Patched: !stock}, nil
}

// program builds a component, with the default series or none.
func (p *Pipeline) program(ctx context.Context, component, version string, stock bool, archive string) (*Built, error) {
	if version == archiveVersion && archive == "" {
		return nil, fmt.Errorf("building %s %s needs its source tarball: name it with -archive", component, version)
	}
	tag, err := kubever.Parse(version)
	if err != nil {
		return nil, err
	}
	tree, err := p.Source(ctx, sourceOf(tag, archive))
	if err != nil {
		return nil, err
	}
	name := DefaultSeries
	if stock {
		name = StockSeries
	}
	patched, err := p.Patch(ctx, tree, PatchOptions{Series: name})
	if err != nil {
		return nil, err
	}
	return p.Build(ctx, patched, build.Options{Component: component, Mode: build.Debug, Arch: runtime.GOARCH})
}

// matrix are the pairs of UpgradeMatrix: within and across the change of the hash in
// 1.31, of one minor version and of many.
var matrix = []UpgradeOptions{
	{From: archiveVersion, To: "v1.30.14"},
	{From: "v1.30.14", To: "v1.31.0"},
	{From: "v1.31.0", To: "v1.36.3"},
	{From: "v1.30.14", Via: "v1.31.0", To: "v1.36.3"},
	{From: "v1.36.3", To: "v1.37.2"},
}

// UpgradeMatrix runs every pair of the matrix three times: stock to stock, as the
// control; stock to patched, with the scenarios; and patched to patched, with those
// scenarios that need it. It goes on after a failure.
func (p *Pipeline) UpgradeMatrix(ctx context.Context, options UpgradeOptions) ([]*upgrade.Result, error) {
	scenarios, err := upgrade.Find(options.Scenarios)
	if err != nil {
		return nil, err
	}
	var results []*upgrade.Result
	var failures []error
	for _, pair := range matrix {
		if pair.From == archiveVersion && options.Archive == "" {
			p.progress.Say("left out: %s -> %s, without the source tarball of %[1]s: name it with -archive", pair.From, pair.To)
			continue
		}
		pair.Archive, pair.Keep = options.Archive, options.Keep
		found, err := p.pair(ctx, pair, scenarios)
		results = append(results, found...)
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return results, errors.Join(failures...)
}

// pair runs one pair of the matrix.
func (p *Pipeline) pair(ctx context.Context, pair UpgradeOptions, scenarios []upgrade.Scenario) ([]*upgrade.Result, error) {
	control := pair
	control.FromStock, control.ToStock, control.Via, control.Scenarios = true, true, "", "plain"
	results, err := p.UpgradeTest(ctx, control)
	failures := []error{err}
	for _, stock := range []bool{true, false} {
		pair.FromStock, pair.fitting = stock, true
		pair.Scenarios = upgrade.Names(scenarios, func(s upgrade.Scenario) bool {
			return s.PatchedFrom != stock
		})
		if pair.Scenarios == "" || ctx.Err() != nil {
			continue
		}
		found, err := p.UpgradeTest(ctx, pair)
		results = append(results, found...)
		failures = append(failures, err)
	}
	return results, errors.Join(failures...)
}
