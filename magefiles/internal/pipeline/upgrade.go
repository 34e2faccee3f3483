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
var apiServerVersion = kubever.Version{Major: 1, Minor: 31}

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
	rig, err := p.rig(options)
	if err != nil {
		return nil, err
	}
	if options.Scenarios == "all" || options.fitting {
		scenarios = upgrade.Fitting(rig, scenarios)
	}
	for _, scenario := range scenarios {
		if err := scenario.Check(rig); err != nil {
			return nil, err
		}
	}
	if err := p.buildRig(ctx, &rig, options.Archive); err != nil {
		return nil, err
	}
	return upgrade.RunAll(ctx, rig, scenarios, p.config.Results)
}

// rig says which kubelets run. What can't be built is refused here, before minutes go into
// the others.
func (p *Pipeline) rig(options UpgradeOptions) (upgrade.Options, error) {
	rig := upgrade.Options{
		Logs: filepath.Join(p.space.Dir(), "upgrade-logs"), Keep: options.Keep, Say: p.progress.Say,
	}
	for _, wanted := range []struct {
		kubelet *upgrade.Kubelet
		version string
		stock   bool
	}{
		{&rig.From, options.From, options.FromStock},
		{&rig.Via, options.Via, false},
		{&rig.To, options.To, options.ToStock},
	} {
		if wanted.kubelet == &rig.Via && wanted.version == "" {
			continue
		}
		tag, err := kubever.Parse(wanted.version)
		if err != nil {
			return rig, err
		}
		if err := p.buildable(tag, wanted.stock, options.Archive); err != nil {
			return rig, err
		}
		*wanted.kubelet = upgrade.Kubelet{Version: tag, Patched: !wanted.stock}
	}
	return rig, nil
}

// buildable reports what keeps a kubelet of the tag from being built.
func (p *Pipeline) buildable(tag kubever.Version, stock bool, archive string) error {
	if tag.String() == archiveVersion && archive == "" {
		return fmt.Errorf("building a kubelet %s needs its source tarball: name it with -archive", tag)
	}
	entry, err := p.lock.Entry(tag)
	if err != nil {
		return err
	}
	if entry.RootOnly && tag.String() != archiveVersion {
		return fmt.Errorf("a kubelet %s can't be built: its staging modules are not to be had", tag)
	}
	if stock {
		return nil
	}
	_, _, _, err = p.selected(DefaultSeries, tag.String(), false)
	return err
}

// buildRig builds the kubelets and the API server.
func (p *Pipeline) buildRig(ctx context.Context, rig *upgrade.Options, archive string) error {
	for _, kubelet := range []*upgrade.Kubelet{&rig.From, &rig.Via, &rig.To} {
		if *kubelet == (upgrade.Kubelet{}) {
			continue
		}
		built, err := p.program(ctx, "kubelet", kubelet.Version, !kubelet.Patched, archive)
		if err != nil {
			return err
		}
		kubelet.Path = built.Path
	}
	server, err := p.program(ctx, "kube-apiserver", apiServerVersion, true, archive)
	if err != nil {
		return err
	}
	rig.APIServer = server.Path
	return nil
}

// program builds a component, with the default series or none.
func (p *Pipeline) program(ctx context.Context, component string, tag kubever.Version, stock bool, archive string) (*Built, error) {
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
// 1.31, of one minor version and of many. One that names a scenario is there for it alone.
var matrix = []UpgradeOptions{
	{From: archiveVersion, To: "v1.30.14"},
	{From: "v1.30.14", To: "v1.31.0"},
	{From: "v1.31.0", To: "v1.36.3"},
	{From: "v1.30.14", Via: "v1.31.0", To: "v1.36.3"},
	{From: "v1.36.3", To: "v1.37.2"},
	// 1.30 knows fields that 1.20 does not, and hashes all of them; 1.31 does not.
	{From: archiveVersion, Via: "v1.30.14", To: "v1.31.0", Scenarios: "hops-edit"},
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
	var results []*upgrade.Result
	var failures []error
	only := pair.Scenarios
	if only == "" {
		control := pair
		control.FromStock, control.ToStock, control.Via, control.Scenarios = true, true, "", "plain"
		found, err := p.UpgradeTest(ctx, control)
		results, failures = found, []error{err}
	}
	for _, stock := range []bool{true, false} {
		pair.FromStock, pair.fitting = stock, true
		pair.Scenarios = upgrade.Names(scenarios, func(s upgrade.Scenario) bool {
			return s.PatchedFrom != stock && (only == "" || s.Name == only)
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
