package e2e_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/firstrun"
	"github.com/steadylet/steadylet/magefiles/internal/gittree/gittreetest"
	"github.com/steadylet/steadylet/magefiles/internal/manifest"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

var root = flag.String("root", "", "the repository's root; without it the tests are skipped")

// tarballPattern is where .ci/run puts the source tarball of 1.20.2.
const tarballPattern = ".ci/inputs/kubernetes_*.orig.tar.gz"

func open(t *testing.T) *pipeline.Pipeline {
	t.Helper()
	if *root == "" {
		t.Skip("builds real kubelets: run it with go tool mage test")
	}
	p, err := pipeline.Open(pipeline.Config{
		Root: *root, Command: "go test " + t.Name(), Environment: os.Environ(), Messages: os.Stderr, Results: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// tarball finds the real source tarball of Kubernetes 1.20.2.
func tarball(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(*root, tarballPattern))
	if err != nil || len(found) != 1 {
		t.Skipf("Debian's source of Kubernetes is missing: with a deb-src line in apt's sources, run "+
			"`apt-get source --download-only kubernetes` in the folder .ci/inputs (found %v %v)", found, err)
	}
	return found[0]
}

// One tag, four ways: the trees that an archive, a bare repository on disk and
// one behind HTTP give must be the same, to the commit, and be upstream's.
func TestEverySourceOfOneTagIsTheSameTree(t *testing.T) {
	programtest.Needs(t, "git", "git")
	p := open(t)
	archive := fetch(t, p, pipeline.SourceOptions{Version: "v1.20.2", Kind: "archive", Location: tarball(t)})
	if archive.Origin.RootSum != archive.Request.Entry.RootSum() || !archive.Origin.Verified {
		t.Errorf("the archive is not proven to be upstream's: %+v", archive.Origin)
	}
	bare, commit := repository(t, p, archive)
	url, stop, err := gittreetest.Serve(filepath.Dir(bare))
	if err != nil {
		t.Fatal(err)
	}
	defer stop() //nolint:errcheck // the test is over
	for name, location := range map[string]string{"bare repository": bare, "HTTP": url + "/" + filepath.Base(bare)} {
		t.Run(name, func(t *testing.T) {
			tree := fetch(t, p, pipeline.SourceOptions{Version: "v1.20.2", Kind: "git", Location: location, Commit: commit})
			if tree.TreeID != archive.TreeID || tree.Origin.RootSum != archive.Origin.RootSum {
				t.Errorf("tree %s with sum %s, the archive has %s and %s", tree.TreeID, tree.Origin.RootSum, archive.TreeID, archive.Origin.RootSum)
			}
			if len(tree.Origin.Proofs) != 2 {
				t.Errorf("want the commit and the checksum database as proofs, got %q", tree.Origin.Proofs)
			}
			_, err := p.Source(t.Context(), pipeline.SourceOptions{Version: "v1.20.2", Kind: "git", Location: location})
			if !errors.Is(err, source.ErrMismatch) {
				t.Errorf("without -commit: got %v, want ErrMismatch, since the commit is not the lock's", err)
			}
		})
	}
}

func fetch(t *testing.T, p *pipeline.Pipeline, options pipeline.SourceOptions) *source.Tree {
	t.Helper()
	tree, err := p.Source(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// repository makes a bare repository of a fetched tree with the real git. It stays
// where it is, since a debug build's cache goes by the source's location.
func repository(t *testing.T, p *pipeline.Pipeline, tree *source.Tree) (bare, commit string) {
	t.Helper()
	// An earlier build may have left the worktree patched.
	pristine, err := p.Patch(t.Context(), tree, pipeline.PatchOptions{Series: pipeline.StockSeries})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Checkout(t.Context(), pristine); err != nil {
		t.Fatal(err)
	}
	bare = filepath.Join(*root, ".ci", "inputs", "served", "kubernetes.git")
	if err := os.RemoveAll(bare); err != nil {
		t.Fatal(err)
	}
	from := filepath.Join(t.TempDir(), "from")
	if err := os.CopyFS(from, os.DirFS(tree.Worktree)); err != nil {
		t.Fatal(err)
	}
	commit, err = gittreetest.MakeRepository(t.Context(), from, bare, tree.Request.Version.String())
	if err != nil {
		t.Fatal(err)
	}
	return bare, commit
}

// The first run of a kubelet from each side of the range: of 1.20.2 through git,
// and of a module version. A stock kubelet is the control: it writes no state.
func TestFirstRun(t *testing.T) {
	needsNode(t)
	programtest.Needs(t, "git", "git")
	p := open(t)
	debugger, err := p.Delve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	archive := fetch(t, p, pipeline.SourceOptions{Version: "v1.20.2", Kind: "archive", Location: tarball(t)})
	bare, commit := repository(t, p, archive)
	for name, options := range map[string]pipeline.SourceOptions{
		"git":    {Version: "v1.20.2", Kind: "git", Location: bare, Commit: commit},
		"module": {Version: "v1.31.0", Kind: "module"},
	} {
		t.Run(name, func(t *testing.T) {
			tree := fetch(t, p, options)
			built := compile(t, p, tree, pipeline.DefaultSeries)
			run := firstrun.Options{Kubelet: built.Path, Version: tree.Request.Version, Debugger: debugger}
			report, err := firstrun.Run(t.Context(), run)
			if err != nil {
				t.Fatal(err)
			}
			if err := report.Check(built.Version); err != nil {
				t.Error(err)
			}
			described, err := manifest.Read(built.ManifestPath)
			if err != nil || described.Version != built.Version || len(described.Series.Patches) == 0 {
				t.Errorf("manifest %+v: %v", described, err)
			}
			if again := compile(t, p, tree, pipeline.DefaultSeries); !again.Cached {
				t.Error("a second build with nothing changed did work")
			}
		})
	}
	t.Run("stock control", func(t *testing.T) {
		tree := fetch(t, p, pipeline.SourceOptions{Version: "v1.31.0", Kind: "module"})
		built := compile(t, p, tree, pipeline.StockSeries)
		report, err := firstrun.Run(t.Context(), firstrun.Options{Kubelet: built.Path, Version: tree.Request.Version, Debugger: debugger})
		if err != nil {
			t.Fatal(err)
		}
		if report.State != nil || report.Check(built.Version) == nil {
			t.Errorf("a stock kubelet passes for a patched one: %+v", report)
		}
	})
}

func compile(t *testing.T, p *pipeline.Pipeline, tree *source.Tree, series string) *pipeline.Built {
	t.Helper()
	return compileProgram(t, p, tree, series, "kubelet")
}

// compileProgram is compile for any program of Kubernetes.
func compileProgram(t *testing.T, p *pipeline.Pipeline, tree *source.Tree, series, component string) *pipeline.Built {
	t.Helper()
	patched, err := p.Patch(t.Context(), tree, pipeline.PatchOptions{Series: series})
	if err != nil {
		t.Fatal(err)
	}
	built, err := p.Build(t.Context(), patched, build.Options{Component: component, Mode: build.Debug, Arch: runtime.GOARCH})
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// An in-place upgrade over the change of the hash, on real kubelets: the container
// is kept, the stock control restarts it, and an edit still restarts it.
func TestUpgrade(t *testing.T) {
	needsNode(t)
	programtest.Needs(t, "git", "git")
	p := open(t)
	archive := fetch(t, p, pipeline.SourceOptions{Version: "v1.20.2", Kind: "archive", Location: tarball(t)})
	bare, commit := repository(t, p, archive)
	old := fetch(t, p, pipeline.SourceOptions{Version: "v1.20.2", Kind: "git", Location: bare, Commit: commit})
	next := fetch(t, p, pipeline.SourceOptions{Version: "v1.31.0", Kind: "module"})
	kubelet := func(tree *source.Tree, series string) firstrun.Options {
		return firstrun.Options{Kubelet: compile(t, p, tree, series).Path, Version: tree.Request.Version}
	}
	// A tree has one worktree, so one build follows the other.
	before, patched, stock := kubelet(old, pipeline.DefaultSeries), kubelet(next, pipeline.DefaultSeries), kubelet(next, pipeline.StockSeries)
	for name, test := range map[string]struct {
		from, to         firstrun.Options
		edited, replaced bool
	}{
		"patched upgrade":         {before, patched, false, false},
		"patched rollback":        {patched, before, false, false},
		"patched, image edited":   {before, patched, true, true},
		"stock upgrade (control)": {before, stock, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			upgrade, err := firstrun.RunUpgrade(t.Context(), test.from, test.to, test.edited, test.replaced)
			if err != nil {
				t.Fatal(err)
			}
			if upgrade.Replaced() != test.replaced {
				t.Errorf("container %s became %s: replaced %t, want %t", upgrade.Before, upgrade.After, upgrade.Replaced(), test.replaced)
			}
		})
	}
}

// A tarball with one byte more is refused before anything is unpacked.
func TestChangedTarballIsRefused(t *testing.T) {
	p := open(t)
	original, err := os.ReadFile(tarball(t))
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(t.TempDir(), "changed.tar.gz")
	if err := os.WriteFile(changed, append(original, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = p.Source(t.Context(), pipeline.SourceOptions{Version: "v1.20.2", Kind: "archive", Location: changed})
	if !errors.Is(err, source.ErrMismatch) {
		t.Errorf("got %v, want ErrMismatch", err)
	}
}
