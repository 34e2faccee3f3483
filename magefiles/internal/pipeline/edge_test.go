package pipeline_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/debugkit"
	"github.com/steadylet/steadylet/magefiles/internal/layout"
	"github.com/steadylet/steadylet/magefiles/internal/manifest"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// edge makes of the tiny Kubernetes tree one of a project that vendors it, as KubeEdge
// does: a kubelet from a fork, and a program of its own.
func edge(t *testing.T, kubernetes string) string {
	t.Helper()
	dir := filepath.Join(filepath.Dir(kubernetes), "edge")
	vendored := filepath.Join(dir, "vendor", "k8s.io", "kubernetes", "pkg", "kubelet", "kuberuntime")
	version := filepath.Join(dir, "vendor", "k8s.io", "component-base", "version")
	err := errors.Join(
		os.CopyFS(vendored, os.DirFS(filepath.Join(kubernetes, "pkg", "kubelet", "kuberuntime"))),
		os.CopyFS(version, os.DirFS(filepath.Join(kubernetes, "staging", "src", "k8s.io", "component-base", "version"))),
	)
	if err != nil {
		t.Fatal(err)
	}
	main, err := os.ReadFile(filepath.Join(kubernetes, "cmd", "kubelet", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	asKubeEdge := strings.NewReplacer("\t\"fmt\"\n", "\t\"fmt\"\n\t\"os\"\n",
		"func main() {\n", "func main() {\n\tif len(os.Args) > 1 && os.Args[1] != \"--minconfig\" {\n\t\tos.Exit(1) // it knows no --version\n\t}\n")
	for path, text := range map[string]string{
		"edge/cmd/edgecore/main.go": asKubeEdge.Replace(string(main)),
		"go.mod": "module github.com/kubeedge/kubeedge\n\ngo 1.24\n\nrequire (\n\tk8s.io/component-base v0.36.3\n\tk8s.io/kubernetes v1.36.3\n)\n\n" +
			"replace k8s.io/kubernetes v1.36.3 => github.com/kubeedge/kubernetes v1.36.3-kubeedge1\n",
		"vendor/modules.txt": "# k8s.io/component-base v0.36.3\n## explicit; go 1.24\nk8s.io/component-base/version\n" +
			"# k8s.io/kubernetes v1.36.3 => github.com/kubeedge/kubernetes v1.36.3-kubeedge1\n## explicit; go 1.24\n" +
			"k8s.io/kubernetes/pkg/kubelet/kuberuntime\n",
	} {
		writeFile(t, filepath.Join(dir, path), []byte(text))
	}
	return dir
}

// withSQLite gives the tree a SQLite as KubeEdge has one: a function in C, and a stub for
// builds without cgo. EdgeCore says which of them it has.
func withSQLite(t *testing.T, tree string) string {
	t.Helper()
	programtest.NeedsC(t)
	for path, text := range map[string]string{
		"vendor/github.com/mattn/go-sqlite3/sqlite3.go": "package sqlite3\n\n" +
			"// char *sqlite3_open_v2(void) { return \"opens its database\"; }\nimport \"C\"\n\n" +
			"func Open() string { return C.GoString(C.sqlite3_open_v2()) }\n",
		"vendor/github.com/mattn/go-sqlite3/static_mock.go": "//go:build !cgo\n\npackage sqlite3\n\n" +
			"func Open() string { return \"can't start\" }\n",
	} {
		writeFile(t, filepath.Join(tree, path), []byte(text))
	}
	for path, change := range map[string][]string{
		"edge/cmd/edgecore/main.go": {"import (\n", "import (\n\t\"github.com/mattn/go-sqlite3\"\n", "func main() {\n", "func main() {\n\tfmt.Println(sqlite3.Open())\n"},
		"go.mod":                    {"require (\n", "require (\n\tgithub.com/mattn/go-sqlite3 v1.14.22\n"},
		"vendor/modules.txt":        {"# k8s.io/component-base", "# github.com/mattn/go-sqlite3 v1.14.22\n## explicit; go 1.24\ngithub.com/mattn/go-sqlite3\n# k8s.io/component-base"},
	} {
		path = filepath.Join(tree, path)
		writeFile(t, path, []byte(strings.NewReplacer(change...).Replace(read(t, path))))
	}
	return tree
}

var edgeCore = build.Options{Component: "edgecore", Mode: build.Debug, Arch: runtime.GOARCH, CGO: build.NeedsCGO("edgecore")}

// EdgeCore gets the same series and the same debug build, opens its database, and an IDE
// finds its kubelet.
func TestEdgeCore(t *testing.T) {
	root, kubernetes := repository(t)
	tree := withSQLite(t, edge(t, kubernetes))
	built := mustRun(t, root, tree, pipeline.DefaultSeries, edgeCore)
	if got := says(t, built.Path); !strings.HasPrefix(got, "opens its database\n") || !strings.HasSuffix(got, "\nkeeps container\n") || !strings.Contains(got, "v1.36.3+steadylet.") {
		t.Errorf("it says %q", got)
	}
	release := edgeCore
	release.Mode = build.Release
	if stock := mustRun(t, root, tree, pipeline.StockSeries, release); says(t, stock.Path) != "opens its database\nKubernetes v1.36.3\nrestarts container\n" {
		t.Errorf("the stock control says %q", says(t, stock.Path))
	}
	described, err := manifest.Read(built.ManifestPath)
	if err != nil || described.Base.Layout != layout.Vendored || described.Build.StampChecked || !described.Build.CGO {
		t.Errorf("%+v: %v", described, err)
	}
	recorded, err := debugkit.ReadPaths(built.Path)
	if err != nil || recorded.Layout != layout.Vendored {
		t.Fatalf("%+v: %v", recorded, err)
	}
	rules := debugkit.Rules(recorded, debugkit.Tree{Dir: tree, Layout: layout.Vendored})
	file := debugkit.Resolve(rules, filepath.Join(recorded.Root, "vendor", "k8s.io", "kubernetes", "pkg", "kubelet", "kuberuntime", "kuberuntime_manager.go"))
	if _, err := os.Stat(file); err != nil || !strings.HasPrefix(file, tree) {
		t.Errorf("the kubelet's source is looked for at %s: %v", file, err)
	}
}

// An EdgeCore that would not start is not a result.
func TestEdgeCoreThatDoesNotStart(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, tree string)
		cgo   bool
		says  string
	}{
		"without cgo": {func(*testing.T, string) {}, false, "leave -cgo=false out"},
		"only the stub of SQLite": {func(t *testing.T, tree string) {
			writeFile(t, filepath.Join(tree, "vendor/github.com/mattn/go-sqlite3/static_mock.go"), []byte("package sqlite3\n\nfunc Open() string { return \"\" }\n"))
			if err := os.Remove(filepath.Join(tree, "vendor/github.com/mattn/go-sqlite3/sqlite3.go")); err != nil {
				t.Fatal(err)
			}
		}, true, "the stub of vendor/github.com/mattn/go-sqlite3 was linked"},
		"no answer": {func(t *testing.T, tree string) {
			path := filepath.Join(tree, "edge/cmd/edgecore/main.go")
			writeFile(t, path, []byte(strings.Replace(read(t, path), "func main() {\n", "func main() {\n\tpanic(\"no such flag\")\n", 1)))
		}, true, "panic: no such flag"},
		"no program": {func(t *testing.T, tree string) {
			if err := os.RemoveAll(filepath.Join(tree, "edge")); err != nil {
				t.Fatal(err)
			}
		}, true, "no edge/cmd/edgecore"},
	} {
		t.Run(name, func(t *testing.T) {
			root, kubernetes := repository(t)
			tree := withSQLite(t, edge(t, kubernetes))
			test.spoil(t, tree)
			options := edgeCore
			options.CGO = test.cgo
			if _, err := run(t.Context(), config(root), tree, pipeline.StockSeries, options); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
			if left, err := filepath.Glob(filepath.Join(root, "dist/*/*/*/*")); err != nil || len(left) > 0 {
				t.Errorf("%q is left, %v", left, err)
			}
			leftNothing(t, root)
		})
	}
}

// The version is that of the kubelet which the folder vendors.
func TestVersionOfAFolderThatVendorsKubernetes(t *testing.T) {
	root, kubernetes := repository(t)
	tree := edge(t, kubernetes)
	p, err := pipeline.Open(config(root))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for name, test := range map[string]struct{ version, refused string }{
		"as vendored":         {"v1.36.3", ""},
		"left out":            {"", ""},
		"another Kubernetes":  {"v1.36.1", "pass -version=v1.36.3"},
		"KubeEdge's own tag":  {"v1.19.0", "not that of the project that vendors it: pass -version=v1.36.3"},
		"fork's own tag":      {"v1.36.3-kubeedge1", "pass -version=v1.36.3"},
		"no tag of something": {"newest", "is not a Kubernetes version"},
	} {
		t.Run(name, func(t *testing.T) {
			from := pipeline.SourceOptions{Version: test.version, Kind: "dir", Location: tree}
			early := p.CheckSeries(pipeline.PatchOptions{Series: pipeline.DefaultSeries}, from)
			fetched, late := p.Source(t.Context(), from)
			for _, err := range []error{early, late} {
				if test.refused == "" && err != nil || test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)) {
					t.Errorf("got %v, want %q", err, test.refused)
				}
			}
			if late == nil && fetched.Request.Version.String() != "v1.36.3" {
				t.Errorf("got %s", fetched.Request.Version)
			}
		})
	}
}

// A checkout of another release of Kubernetes is refused too.
func TestFolderOfAnotherRelease(t *testing.T) {
	root, kubernetes := repository(t)
	writeFile(t, filepath.Join(kubernetes, "CHANGELOG/CHANGELOG-1.34.md"), []byte("- [v1.34.3](#v1343)\n\n# v1.34.3\n\n# v1.34.2\n"))
	_, err := run(t.Context(), config(root), kubernetes, pipeline.DefaultSeries, debug)
	if !errors.Is(err, source.ErrMismatch) || !strings.Contains(err.Error(), "-version=v1.34.4") {
		t.Errorf("got %v", err)
	}
	leftNothing(t, root)
}
