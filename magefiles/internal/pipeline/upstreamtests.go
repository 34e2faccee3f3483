package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/check"
	"github.com/steadylet/steadylet/magefiles/internal/command"
	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
	"github.com/steadylet/steadylet/magefiles/internal/graft"
	"github.com/steadylet/steadylet/magefiles/internal/layout"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
	"github.com/steadylet/steadylet/magefiles/internal/upstreamtest"
)

// ErrUpstreamTests is matched by the error for tests of upstream's that end in another
// way on the patched tree than on the stock one; where they do not run at all the error
// matches upstreamtest.ErrNotRun instead.
var ErrUpstreamTests = errors.New("upstream's tests end otherwise on the patched tree")

// UpstreamTests runs upstream's own tests of the packages that a report's patches touch,
// on every tag whose modules can be had, stock against patched. The published root
// module has the tests, which a vendored tree lacks; so both runs are in a module of
// their own, which differs in where the root module lies. The error names every test
// that ends in another way.
func (p *Pipeline) UpstreamTests(ctx context.Context, report *check.Report) error {
	return p.eachBuildable(ctx, report, "", "upstream's tests of %s are not run: %s", func(row check.Row, entry lock.Entry) error {
		return p.testRow(ctx, row, entry)
	})
}

func (p *Pipeline) testRow(ctx context.Context, row check.Row, entry lock.Entry) error {
	fetcher := source.Fetcher{Environment: p.config.Environment, Progress: p.progress}
	published, err := fetcher.Publications(ctx, []source.Wanted{{Entry: entry}})
	if err != nil {
		return err
	}
	packages, err := tested(published[0].Root, row.Selection.Paths())
	if err != nil || len(packages) == 0 {
		return err
	}
	temporary, err := p.space.TempDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	patched := filepath.Join(temporary, "kubernetes")
	if err := p.patchedCopy(ctx, row, published[0].Root, patched); err != nil {
		return err
	}
	var runs []upstreamtest.Run
	for _, root := range []string{"", patched} {
		module, err := p.space.TempDir()
		if err != nil {
			return err
		}
		if err := fetcher.WriteTestModule(published[0], root, module); err != nil {
			return err
		}
		run, err := p.runTests(ctx, entry.Toolchain, module, packages, root != "")
		if err != nil {
			return err
		}
		runs = append(runs, run)
	}
	return p.compareTests(row, packages, runs[0], runs[1])
}

func (p *Pipeline) compareTests(row check.Row, packages []string, stock, patched upstreamtest.Run) error {
	p.progress.Say("%s: upstream's tests of %s: %d pass, %d fail, %d skipped stock; %d, %d, %d patched",
		row.Version, strings.Join(packages, ", "),
		stock.Count(upstreamtest.Pass), stock.Count(upstreamtest.Fail), stock.Count(upstreamtest.Skip),
		patched.Count(upstreamtest.Pass), patched.Count(upstreamtest.Fail), patched.Count(upstreamtest.Skip))
	differences := upstreamtest.Compare(stock, patched)
	for _, difference := range differences {
		p.progress.Say("  %s", difference)
	}
	if len(differences) > 0 {
		return fmt.Errorf("%w: %d of them, the first %s", ErrUpstreamTests, len(differences), differences[0])
	}
	return nil
}

// tested returns the import paths of those touched packages of the root module that have
// tests.
func tested(root string, paths []string) ([]string, error) {
	var packages []string
	for _, name := range packagesOf(paths) {
		folder, ok := strings.CutPrefix(name, "k8s.io/kubernetes/")
		if !ok {
			continue
		}
		found, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			packages = append(packages, name)
		}
	}
	return slices.Compact(packages), nil
}

// patchedCopy writes a root module with the series and the state file library to a new
// folder.
func (p *Pipeline) patchedCopy(ctx context.Context, row check.Row, root, to string) error {
	step := p.progress.Step("copy", progress.Files)
	defer step.Abort()
	if err := os.CopyFS(to, os.DirFS(root)); err != nil {
		return fmt.Errorf("copying the root module: %w", err)
	}
	changes, err := p.allChanges(ctx, row, root)
	if err != nil {
		return err
	}
	for _, change := range changes {
		if err := place(to, change); err != nil {
			return fmt.Errorf("patching the copy of the root module: %w", err)
		}
	}
	step.Done("")
	return nil
}

// allChanges are what the series and the library change in a root module.
func (p *Pipeline) allChanges(ctx context.Context, row check.Row, root string) ([]series.Change, error) {
	loaded, err := p.loadSeries(row.Series)
	if err != nil {
		return nil, err
	}
	patches, err := loaded.Select(row.Version, false)
	if err != nil {
		return nil, err
	}
	result, err := series.Apply(series.FromFS(os.DirFS(root)), patches)
	if err != nil {
		return nil, err
	}
	var changes []series.Change
	for _, applied := range result.Patches {
		changes = append(changes, applied.Changes...)
	}
	renameio, err := graft.RenameioDir(ctx, p.config.Root, p.config.Environment)
	if err != nil {
		return nil, err
	}
	library, err := graft.NewPlan(os.DirFS(filepath.Join(p.config.Root, "statefile")), os.DirFS(renameio), layout.Upstream)
	if err != nil {
		return nil, err
	}
	for _, change := range library.Changes {
		changes = append(changes, series.Change{Path: change.Path, Kind: series.Add, Data: change.Data})
	}
	return changes, nil
}

// place makes one change in a folder, whose files are all this process's own.
func place(root string, change series.Change) error {
	path := filepath.Join(root, filepath.FromSlash(change.Path))
	if change.Kind == series.Delete {
		return os.Remove(path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, change.Data, 0o644)
}

// runTests runs the packages' tests. A failing test is an outcome, not an error; a package
// whose tests do not run is one.
func (p *Pipeline) runTests(ctx context.Context, toolchain, module string, packages []string, patched bool) (upstreamtest.Run, error) {
	tree := "stock"
	if patched {
		tree = "patched"
	}
	step := p.progress.Step("upstream's tests, "+tree, progress.Packages)
	defer step.Abort()
	g := gocommand.Go{Toolchain: toolchain, Environment: p.config.Environment}
	out, err := g.Output(ctx, gocommand.Call{
		Args: append([]string{"test", "-json", "-count=1", "-short", "-vet=off", "-tags=selinux,notest"}, packages...),
		Dir:  module, Set: []string{"GOFLAGS=-mod=readonly", "CGO_ENABLED=0"},
	})
	run, readErr := upstreamtest.Read(bytes.NewReader(out))
	if readErr != nil || ctx.Err() != nil {
		return nil, errors.Join(readErr, ctx.Err())
	}
	if len(run) == 0 {
		return nil, fmt.Errorf("running upstream's tests: %w", err)
	}
	var failed *command.Error
	if errors.As(err, &failed) { // before Go 1.24 it has what compilers say
		out = slices.Concat(out, []byte("\n"+failed.Stderr))
	}
	if err := run.CheckRan(tree, packages, out); err != nil {
		return nil, err
	}
	step.Done(fmt.Sprintf("%d tests", len(run)))
	return run, nil
}
