package bench

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/tools/benchmark/parse"

	"github.com/steadylet/steadylet/magefiles/internal/command"
	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// decisionBenchmark is compiled into the package of containerChanged.
//
//go:embed testdata/containerchanged.go.txt
var decisionBenchmark []byte

// Decision measures what the patch costs each question whether a container changed.
type Decision struct {
	// Tree is a patched tree, Kuberuntime the folder in it that has containerChanged. Scratch
	// takes the benchmark's program.
	Tree, Kuberuntime, Scratch string
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
	return figuresOf(measured.lowest, rows, found), nil
}

// File measures the state file, against what gets as many bytes to the disk and back. Root
// is the repository, scratch takes the benchmark's program.
func File(ctx context.Context, root, scratch string, environment []string) ([]Figure, error) {
	library := gocommand.Go{Toolchain: "auto", Environment: environment}
	program, err := compile(ctx, library, gocommand.Call{Args: []string{"./statefile"}, Dir: root}, scratch)
	if err != nil {
		return nil, fmt.Errorf("measuring the state file: %w", err)
	}
	found, err := results(ctx, program, filepath.Join(root, "statefile"), "Save|Load", "10x")
	if err != nil {
		return nil, fmt.Errorf("measuring the state file: %w", err)
	}
	return figuresOf(measured.median, []row{
		{"saving a state of 500 containers, one of them new", "renameio and fsync of as many bytes", "Save/ours", "Save/theirs", 1.2},
		{"saving a state of 500 containers, all of them new", "renameio and fsync of as many bytes", "Save/all", "Save/theirs", 1.2},
		{"loading it", "json.Unmarshal of it", "Load/ours", "Load/theirs", 1.5},
	}, found), nil
}

func figuresOf(of func(measured) float64, rows []row, found map[string]measured) []Figure {
	var figures []Figure
	for _, r := range rows {
		ours, theirs := found[r.ours], found[r.theirs]
		unit, scale := "µs", 1e3
		if ours.allocations {
			unit, scale = "per call", 1
		}
		figures = append(figures, Figure{
			What: r.what, Against: r.against, Ours: of(ours) / scale, Theirs: of(theirs) / scale, Unit: unit, Bound: r.bound,
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
	program, err := compile(ctx, g, gocommand.Call{Args: []string{pkg}, Dir: d.Tree, Set: set}, d.Scratch)
	if err != nil {
		return nil, err
	}
	found, err = results(ctx, program, d.Kuberuntime, "Steadylet/(stock|equal|cached)", "2000x")
	if err != nil {
		return nil, err
	}
	first, err := results(ctx, program, d.Kuberuntime, "Steadylet/first", "25x")
	if err != nil {
		return nil, err
	}
	maps.Copy(found, first)
	return found, nil
}

// measured are the results of a benchmark's rounds: nanoseconds, or allocations.
type measured struct {
	values      []float64
	allocations bool
}

// lowest is for what is this short that it is disturbed by more than the difference that is
// looked for, and never made faster.
func (m measured) lowest() float64 { return slices.Min(m.values) }

// median is for what waits for a disk.
func (m measured) median() float64 {
	sorted := slices.Sorted(slices.Values(m.values))
	return sorted[len(sorted)/2]
}

// compile compiles a package's tests, and returns the program.
func compile(ctx context.Context, g gocommand.Go, pkg gocommand.Call, scratch string) (string, error) {
	program := filepath.Join(scratch, "benchmark.test")
	pkg.Args = append([]string{"test", "-c", "-o=" + program}, pkg.Args...)
	_, err := g.Output(ctx, pkg)
	return program, err
}

// results runs benchmarks, and returns their results by name, as in "Save/ours".
func results(ctx context.Context, program, dir, pattern, long string) (map[string]measured, error) {
	out, err := command.Command{
		Args: []string{program, "-test.run=^$", "-test.bench=" + pattern, "-test.benchtime=" + long},
		Dir:  dir, Env: append(os.Environ(), "TMPDIR="+filepath.Dir(program)),
	}.Output(ctx)
	if err != nil {
		return nil, err
	}
	return collect(out)
}

// round is what ends the name of a round, as in "BenchmarkSave/ours#01-2": its number, if it
// isn't the first, and that of the processors.
var round = regexp.MustCompile(`(#\d+)?(-\d+)?$`)

// collect reads what the rounds printed.
func collect(out []byte) (map[string]measured, error) {
	parsed, err := parse.ParseSet(bytes.NewReader(out))
	if err != nil {
		return nil, fmt.Errorf("reading the results: %w", err)
	}
	found := map[string]measured{}
	for name, results := range parsed {
		short := round.ReplaceAllString(strings.TrimPrefix(name, "Benchmark"), "")
		times, allocations := found[short], found[short+" allocations"]
		allocations.allocations = true
		for _, result := range results {
			times.values = append(times.values, result.NsPerOp)
			allocations.values = append(allocations.values, float64(result.AllocsPerOp))
		}
		found[short], found[short+" allocations"] = times, allocations
	}
	if len(found) == 0 {
		return nil, errors.New("no benchmark was run")
	}
	return found, nil
}
