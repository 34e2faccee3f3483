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
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// decisionBenchmark is compiled into the package of containerChanged.
//
//go:embed testdata/containerchanged.go.txt
var decisionBenchmark []byte

// Decision measures what the patch costs each question whether a container changed.
type Decision struct {
	// Tree is a patched tree, Kuberuntime the folder in it that has containerChanged.
	Tree, Kuberuntime string
	// Version is the tree's, Toolchain that which builds it.
	Version     kubever.Version
	Toolchain   string
	Environment []string
}

// row says which two results of a benchmark are compared.
type row struct {
	what, against, ours, theirs string
	bound                       float64
}

// Run measures it. Where kubelets hash the whole spec themselves, as up to 1.30, only equal
// hashes are compared: the benchmark's container has no older one.
func (d Decision) Run(ctx context.Context) ([]Figure, error) {
	found, err := d.measure(ctx)
	if err != nil {
		return nil, fmt.Errorf("measuring containerChanged of %s: %w", d.Version, err)
	}
	name := fmt.Sprintf("`containerChanged` of %d.%d, ", d.Version.Major, d.Version.Minor)
	rows := []row{
		{name + "hash equal", "stock", "Steadylet/equal", "Steadylet/stock", 1.03},
		{name + "hash equal, allocations", "stock", "Steadylet/equal allocations", "Steadylet/stock allocations", 1},
		{name + "proven by an older algorithm, first time", "stock", "Steadylet/first", "Steadylet/stock", 6},
		{name + "proven by an older algorithm, again", "stock", "Steadylet/cached", "Steadylet/stock", 1.10},
	}
	if d.Version.Minor < 31 {
		rows = rows[:2]
	}
	return figuresOf(rows, found), nil
}

// File measures the state file, against what gets as many bytes to the disk and back. Root
// is the repository.
func File(ctx context.Context, root string, environment []string) ([]Figure, error) {
	library := gocommand.Go{Toolchain: "auto", Environment: environment}
	found, err := results(ctx, library, root, nil, "Save|Load", "25x", "./statefile")
	if err != nil {
		return nil, fmt.Errorf("measuring the state file: %w", err)
	}
	return figuresOf([]row{
		{"saving a state of 500 containers", "renameio and fsync of as many bytes", "Save/ours", "Save/theirs", 1.2},
		{"loading it", "json.Unmarshal of it", "Load/ours", "Load/theirs", 1.5},
	}, found), nil
}

func figuresOf(rows []row, found map[string]measured) []Figure {
	var figures []Figure
	for _, r := range rows {
		ours, theirs := found[r.ours], found[r.theirs]
		unit, scale := "µs", 1e3
		if ours.allocations {
			unit, scale = "per call", 1
		}
		figures = append(figures, Figure{
			What: r.what, Against: r.against, Ours: ours.value / scale, Theirs: theirs.value / scale, Unit: unit, Bound: r.bound,
		})
	}
	return figures
}

// measure runs the benchmark in the patched tree, and removes it again.
func (d Decision) measure(ctx context.Context) (found map[string]measured, err error) {
	file := filepath.Join(d.Kuberuntime, "steadylet_test.go")
	if err := os.WriteFile(file, decisionBenchmark, 0o644); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(file)) }()
	g := gocommand.Go{Toolchain: d.Toolchain, Environment: d.Environment}
	set := []string{"GOFLAGS=-mod=vendor -buildvcs=false", "CGO_ENABLED=0"}
	const pkg = "k8s.io/kubernetes/pkg/kubelet/kuberuntime"
	found, err = results(ctx, g, d.Tree, set, "Steadylet/(stock|equal|cached)", "2000x", pkg)
	if err != nil {
		return nil, err
	}
	// A thousand verdicts wait to be logged; more would be logged on the way.
	first, err := results(ctx, g, d.Tree, set, "Steadylet/first", "25x", pkg)
	if err != nil {
		return nil, err
	}
	maps.Copy(found, first)
	return found, nil
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

// results runs benchmarks, and returns the lowest results by name, as in "Save/ours".
func results(ctx context.Context, g gocommand.Go, dir string, set []string, pattern, long, pkg string) (map[string]measured, error) {
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
