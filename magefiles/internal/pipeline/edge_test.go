package pipeline_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/debugkit"
	"github.com/steadylet/steadylet/magefiles/internal/layout"
	"github.com/steadylet/steadylet/magefiles/internal/manifest"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
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
	for path, text := range map[string]string{
		"edge/cmd/edgecore/main.go": string(main),
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

// EdgeCore gets the same series and the same debug build, and an IDE finds its kubelet.
func TestEdgeCore(t *testing.T) {
	root, kubernetes := repository(t)
	tree := edge(t, kubernetes)
	options := build.Options{Component: "edgecore", Mode: build.Debug, Arch: runtime.GOARCH}
	built := mustRun(t, root, tree, pipeline.DefaultSeries, options)
	if got := says(t, built.Path); !strings.HasSuffix(got, "\nkeeps container\n") || !strings.Contains(got, "v1.36.3+steadylet.") {
		t.Errorf("it says %q", got)
	}
	if stock := mustRun(t, root, tree, pipeline.StockSeries, options); !strings.HasSuffix(says(t, stock.Path), "\nrestarts container\n") {
		t.Errorf("the stock control says %q", says(t, stock.Path))
	}
	described, err := manifest.Read(built.ManifestPath)
	if err != nil || described.Base.Layout != layout.Vendored || described.Build.StampChecked {
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

// A tree without it says so.
func TestEdgeCoreThatIsNone(t *testing.T) {
	root, kubernetes := repository(t)
	_, err := run(t.Context(), config(root), kubernetes, pipeline.DefaultSeries, build.Options{Component: "edgecore", Mode: build.Debug, Arch: runtime.GOARCH})
	if err == nil || !strings.Contains(err.Error(), "edge/cmd/edgecore") {
		t.Errorf("got %v", err)
	}
}
