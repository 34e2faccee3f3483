package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/bench"
	"github.com/steadylet/steadylet/magefiles/internal/firstrun"
	"github.com/steadylet/steadylet/magefiles/internal/gittree/gittreetest"
)

// BenchOptions say what is measured.
type BenchOptions struct {
	// Version is the tag that is built.
	Version string
	// Archive is the source tarball of 1.20.2, for the checkout; without one it
	// is left out.
	Archive string
	// Only names groups of figures, separated by commas; empty is all of them.
	Only string
	// Rounds is how often what is short is repeated.
	Rounds int
	// Soak is how long a kubelet is watched for writes of its state file; 0 leaves
	// that out.
	Soak time.Duration
}

// startRounds is how often each kubelet is started: what differs is a few
// milliseconds.
const startRounds = 15

// benchGroup is what is measured at once.
type benchGroup struct {
	name string
	run  func(p *Pipeline, ctx context.Context, options BenchOptions, scratch string) ([]bench.Figure, error)
}

func benchGroups() []benchGroup {
	return []benchGroup{
		{"apply", (*Pipeline).benchApply},
		{"decision", (*Pipeline).benchDecision},
		{"file", (*Pipeline).benchFile},
		{"start", (*Pipeline).benchStarts},
		{"checkout", (*Pipeline).benchCheckout},
		{"build", (*Pipeline).benchBuilds},
	}
}

// chosenGroups returns the groups of those names, separated by commas, or all of them.
func chosenGroups(names string) ([]benchGroup, error) {
	all := benchGroups()
	if names == "" {
		return all, nil
	}
	var chosen []benchGroup
	for _, name := range strings.Split(names, ",") {
		i := slices.IndexFunc(all, func(g benchGroup) bool { return g.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("nothing to measure is called %q: want some of apply, decision, file, start, checkout, build, separated by commas", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// Bench measures the pipeline against what a person would run instead. Scratch
// space goes beside the workspace, since it takes several GiB.
func (p *Pipeline) Bench(ctx context.Context, options BenchOptions) (figures []bench.Figure, err error) {
	groups, err := chosenGroups(options.Only)
	if err != nil {
		return nil, err
	}
	scratch, err := p.space.TempDir()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	for _, group := range groups {
		found, err := group.run(p, ctx, options, scratch)
		figures = append(figures, found...)
		if err != nil {
			return figures, err
		}
	}
	return figures, nil
}

func (p *Pipeline) benchApply(ctx context.Context, options BenchOptions, scratch string) ([]bench.Figure, error) {
	tree, err := p.Source(ctx, SourceOptions{Version: options.Version, Kind: "module"})
	if err != nil {
		return nil, err
	}
	_, _, selected, err := p.selected(DefaultSeries, options.Version, false)
	if err != nil {
		return nil, err
	}
	// The worktree must be pristine: git apply is to find what the series finds.
	if err := p.Checkout(ctx, stock(tree)); err != nil {
		return nil, err
	}
	applied, err := bench.Apply{
		Patches: filepath.Join(p.config.Root, "patches", DefaultSeries), Tree: tree.Worktree, Scratch: scratch,
		Layout: tree.Layout, Selected: selected, Rounds: max(options.Rounds, 200),
	}.Run(ctx)
	if err != nil {
		return nil, err
	}
	return []bench.Figure{applied}, nil
}

// wholeSpecVersion is the newest kubelet that hashes a container's whole spec.
const wholeSpecVersion = "v1.30.14"

// benchDecision measures what the patch costs a kubelet, of either way of hashing.
func (p *Pipeline) benchDecision(ctx context.Context, options BenchOptions, scratch string) ([]bench.Figure, error) {
	var figures []bench.Figure
	for _, version := range slices.Compact([]string{wholeSpecVersion, options.Version}) {
		tree, err := p.Source(ctx, SourceOptions{Version: version, Kind: "module"})
		if err != nil {
			return figures, err
		}
		patched, err := p.Patch(ctx, tree, PatchOptions{Series: DefaultSeries})
		if err != nil {
			return figures, err
		}
		if err := p.Checkout(ctx, patched); err != nil {
			return figures, err
		}
		p.progress.Say("compiling a benchmark of the patched decision of %s", version)
		found, err := bench.Decision{
			Tree: tree.Worktree, Kuberuntime: filepath.Join(tree.Worktree, tree.Layout.Path("pkg/kubelet/kuberuntime")),
			Version: tree.Request.Version, Toolchain: tree.Request.Entry.Toolchain, Environment: p.config.Environment, Scratch: scratch,
		}.Run(ctx)
		figures = append(figures, found...)
		if err != nil {
			return figures, err
		}
	}
	return figures, nil
}

func (p *Pipeline) benchFile(ctx context.Context, _ BenchOptions, scratch string) ([]bench.Figure, error) {
	return bench.File(ctx, p.config.Root, scratch, p.config.Environment)
}

func (p *Pipeline) benchBuilds(ctx context.Context, options BenchOptions, scratch string) ([]bench.Figure, error) {
	p.progress.Say("compiling %s from nothing, twice: this takes as long as that", options.Version)
	return bench.Builds{
		Root: p.config.Root, Scratch: filepath.Join(scratch, "builds"), Version: options.Version, Rounds: options.Rounds,
	}.Run(ctx)
}

// benchStarts compares the start of a patched kubelet with that of a stock one, and
// counts what the patched one writes in steady state.
func (p *Pipeline) benchStarts(ctx context.Context, options BenchOptions, _ string) ([]bench.Figure, error) {
	tag, err := p.version(options.Version)
	if err != nil {
		return nil, err
	}
	patched, err := p.program(ctx, "kubelet", tag, false, options.Archive)
	if err != nil {
		return nil, err
	}
	stock, err := p.program(ctx, "kubelet", tag, true, options.Archive)
	if err != nil {
		return nil, err
	}
	ours, theirs := firstrun.Options{Kubelet: patched.Path, Version: tag}, firstrun.Options{Kubelet: stock.Path, Version: tag}
	p.progress.Say("starting kubelets %s, stock and patched in turns", tag)
	mine, others, err := firstrun.Starts(ctx, ours, theirs, startRounds)
	if err != nil {
		return nil, err
	}
	figures := []bench.Figure{{
		What: "kubelet start to first sync", Against: "stock, same node",
		Ours: bench.Median(mine).Seconds() * 1e3, Theirs: bench.Median(others).Seconds() * 1e3, Unit: "ms", Bound: 1.02,
	}}
	if options.Soak == 0 {
		return figures, nil
	}
	p.progress.Say("watching a kubelet for %s", options.Soak)
	writes, err := firstrun.Soak(ctx, theirs, ours, options.Soak)
	return append(figures, bench.Figure{
		What: fmt.Sprintf("writes of the state file in %s of steady state", options.Soak), Against: "none",
		Ours: float64(writes), Unit: "writes", Absolute: true,
	}), err
}

func (p *Pipeline) benchCheckout(ctx context.Context, options BenchOptions, scratch string) ([]bench.Figure, error) {
	if options.Archive == "" {
		p.progress.Say("the checkout is not measured: name the source tarball of 1.20.2 with -archive")
		return nil, nil
	}
	tree, err := p.Source(ctx, SourceOptions{Version: "v1.20.2", Kind: "archive", Location: options.Archive})
	if err != nil {
		return nil, err
	}
	// An earlier build may have left the worktree patched.
	if err := p.Checkout(ctx, stock(tree)); err != nil {
		return nil, err
	}
	from, bare := filepath.Join(scratch, "from"), filepath.Join(scratch, "served", "kubernetes.git")
	if err := os.CopyFS(from, os.DirFS(tree.Worktree)); err != nil {
		return nil, fmt.Errorf("copying the tree: %w", err)
	}
	if _, err := gittreetest.MakeRepository(ctx, from, bare, "v1.20.2"); err != nil {
		return nil, err
	}
	return bench.Checkout{
		Root: p.config.Root, Scratch: scratch, Repository: bare, Tag: "v1.20.2", Rounds: options.Rounds,
	}.Run(ctx)
}
