package bench

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/benchmark/parse"

	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
)

// decisionBenchmark is compiled into the package of containerChanged.
//
//go:embed testdata/containerchanged.go.txt
var decisionBenchmark []byte

// Runtime measures what the patch costs a kubelet: the decision in a patched tree,
// and the state file.
type Runtime struct {
	// Root is the repository; Tree a patched tree, Kuberuntime the folder in it that
	// has containerChanged.
	Root, Tree, Kuberuntime string
	// Toolchain is the tree's.
	Toolchain   string
	Environment []string
}

// Run measures them.
func (r Runtime) Run(ctx context.Context) ([]Figure, error) {
	decision, err := r.decision(ctx)
	if err != nil {
		return nil, fmt.Errorf("measuring containerChanged: %w", err)
	}
	library := gocommand.Go{Toolchain: "auto", Environment: r.Environment}
	file, err := r.run(ctx, library, r.Root, nil, "Save|Load", "25x", "./statefile")
	if err != nil {
		return nil, fmt.Errorf("measuring the state file: %w", err)
	}
	var figures []Figure
	for _, f := range []struct {
		what, against string
		ours, theirs  measured
		bound         float64
	}{
		{"`containerChanged`, hash equal", "stock", decision["Steadylet/equal"], decision["Steadylet/stock"], 1.03},
		{"`containerChanged`, hash equal, allocations", "stock", decision["Steadylet/equal allocations"], decision["Steadylet/stock allocations"], 1},
		{"`containerChanged`, proven by an older algorithm, first time", "stock", decision["Steadylet/first"], decision["Steadylet/stock"], 6},
		{"`containerChanged`, proven by an older algorithm, again", "stock", decision["Steadylet/cached"], decision["Steadylet/stock"], 1.10},
		{"saving a state of 500 containers", "renameio and fsync of as many bytes", file["Save/ours"], file["Save/theirs"], 1.2},
		{"loading it", "json.Unmarshal of it", file["Load/ours"], file["Load/theirs"], 1.5},
	} {
		unit, scale := "µs", 1e3
		if f.ours.allocations {
			unit, scale = "per call", 1
		}
		figures = append(figures, Figure{
			What: f.what, Against: f.against, Ours: f.ours.value / scale, Theirs: f.theirs.value / scale, Unit: unit, Bound: f.bound,
		})
	}
	return figures, nil
}

// decision runs the benchmark in the patched tree, and removes it again.
func (r Runtime) decision(ctx context.Context) (results map[string]measured, err error) {
	file := filepath.Join(r.Kuberuntime, "steadylet_test.go")
	if err := os.WriteFile(file, decisionBenchmark, 0o644); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(file)) }()
	g := gocommand.Go{Toolchain: r.Toolchain, Environment: r.Environment}
	set := []string{"GOFLAGS=-mod=vendor -buildvcs=false", "CGO_ENABLED=0"}
	const pkg = "k8s.io/kubernetes/pkg/kubelet/kuberuntime"
	results, err = r.run(ctx, g, r.Tree, set, "Steadylet/(stock|equal|cached)", "2000x", pkg)
	if err != nil {
		return nil, err
	}
	// A thousand verdicts wait to be logged; more would be logged on the way.
	first, err := r.run(ctx, g, r.Tree, set, "Steadylet/first", "25x", pkg)
	if err != nil {
		return nil, err
	}
	maps.Copy(results, first)
	return results, nil
}

// measured is the lowest of a benchmark's results: nanoseconds, or allocations. What is
// this short is disturbed by more than the difference that is looked for, and never made
// faster.
type measured struct {
	value       float64
	allocations bool
}

// benchmarkRounds is how often each benchmark is run.
const benchmarkRounds = 40

// run runs benchmarks, and returns the lowest results by name, as in "Save/ours".
func (r Runtime) run(ctx context.Context, g gocommand.Go, dir string, set []string, pattern, long, pkg string) (map[string]measured, error) {
	out, err := g.Output(ctx, gocommand.Call{
		Args: []string{"test", "-run=^$", "-bench=" + pattern, "-benchtime=" + long, fmt.Sprintf("-count=%d", benchmarkRounds), pkg},
		Dir:  dir, Set: set, Stderr: io.Discard,
	})
	if err != nil {
		return nil, err
	}
	return lowest(out)
}

// lowest reads what go test printed.
func lowest(out []byte) (map[string]measured, error) {
	parsed, err := parse.ParseSet(bytes.NewReader(out))
	if err != nil {
		return nil, fmt.Errorf("reading the results: %w", err)
	}
	found := map[string]measured{}
	keep := func(name string, value float64, allocations bool) {
		if before, ok := found[name]; !ok || value < before.value {
			found[name] = measured{value, allocations}
		}
	}
	for name, results := range parsed {
		// "BenchmarkSave/ours-2", with the number of processors.
		short := strings.TrimPrefix(name, "Benchmark")
		if dash := strings.LastIndex(short, "-"); dash > 0 {
			short = short[:dash]
		}
		for _, result := range results {
			keep(short, result.NsPerOp, false)
			keep(short+" allocations", float64(result.AllocsPerOp), true)
		}
	}
	if len(found) == 0 {
		return nil, errors.New("no benchmark was run")
	}
	return found, nil
}
