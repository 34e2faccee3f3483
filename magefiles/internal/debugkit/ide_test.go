package debugkit_test

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/debugkit"
	"github.com/steadylet/steadylet/magefiles/internal/layout"
)

// Where each file of a build is found, for each source and mode, in each kind of tree.
func TestRules(t *testing.T) {
	const goroot = "/home/me/go"
	upstream := debugkit.Tree{Dir: "/home/me/kubernetes", Layout: layout.Upstream, Staging: []string{"api", "kubelet"}, GOROOT: goroot}
	vendored := debugkit.Tree{Dir: "/home/me/edge", Layout: layout.Vendored, GOROOT: goroot}
	module := debugkit.Recorded{Layout: layout.Vendored, Root: "/build/tree", GOROOT: "/usr/go"}
	checkout := debugkit.Recorded{Layout: layout.Upstream, Root: "/build/tree", GOROOT: "/usr/go"}
	release := debugkit.Recorded{Layout: layout.Vendored, Trimmed: true, Modules: []string{"k8s.io/api@v0.31.0", "k8s.io/klog/v2@v2.130.1", "k8s.io/kubernetes@v1.31.0"}}
	releasedCheckout := debugkit.Recorded{Layout: layout.Upstream, Trimmed: true, Modules: []string{"k8s.io/api@v0.0.0", "k8s.io/klog/v2@v2.130.1", "k8s.io/kubernetes"}, Main: "k8s.io/kubernetes"}
	for name, test := range map[string]struct {
		recorded debugkit.Recorded
		// root, api, other and std are how the build names a file of the root module, of a
		// staging module, of another one and of the standard library.
		root, api, other, std string
	}{
		"module, debug":     {module, "/build/tree/vendor/k8s.io/kubernetes/pkg/a.go", "/build/tree/vendor/k8s.io/api/core/v1/b.go", "/build/tree/vendor/k8s.io/klog/v2/c.go", "/usr/go/src/runtime/d.go"},
		"checkout, debug":   {checkout, "/build/tree/pkg/a.go", "/build/tree/staging/src/k8s.io/api/core/v1/b.go", "/build/tree/vendor/k8s.io/klog/v2/c.go", "/usr/go/src/runtime/d.go"},
		"module, release":   {release, "k8s.io/kubernetes@v1.31.0/pkg/a.go", "k8s.io/api@v0.31.0/core/v1/b.go", "k8s.io/klog/v2@v2.130.1/c.go", "runtime/d.go"},
		"checkout, release": {releasedCheckout, "k8s.io/kubernetes/pkg/a.go", "k8s.io/api@v0.0.0/core/v1/b.go", "k8s.io/klog/v2@v2.130.1/c.go", "runtime/d.go"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, to := range []struct {
				tree             debugkit.Tree
				root, api, other string
			}{
				{upstream, "/home/me/kubernetes/pkg/a.go", "/home/me/kubernetes/staging/src/k8s.io/api/core/v1/b.go", "/home/me/kubernetes/vendor/k8s.io/klog/v2/c.go"},
				{vendored, "/home/me/edge/vendor/k8s.io/kubernetes/pkg/a.go", "/home/me/edge/vendor/k8s.io/api/core/v1/b.go", "/home/me/edge/vendor/k8s.io/klog/v2/c.go"},
			} {
				rules := debugkit.Rules(test.recorded, to.tree)
				want := []string{to.root, to.api, to.other, goroot + "/src/runtime/d.go"}
				got := []string{
					debugkit.Resolve(rules, test.root), debugkit.Resolve(rules, test.api),
					debugkit.Resolve(rules, test.other), debugkit.Resolve(rules, test.std),
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s tree: %s", to.tree.Layout, diff)
				}
			}
		})
	}
}

// Nothing is mapped where the tree is the one that was built, in its place.
func TestRulesInPlace(t *testing.T) {
	recorded := debugkit.Recorded{Layout: layout.Upstream, Root: "/build/tree", GOROOT: "/usr/go"}
	if rules := debugkit.Rules(recorded, debugkit.Tree{Dir: "/build/tree", Layout: layout.Upstream, GOROOT: "/usr/go"}); len(rules) > 0 {
		t.Errorf("got %v", rules)
	}
}

// The files are what their readers take, and say the same.
func TestWrite(t *testing.T) {
	ide := debugkit.IDE{Name: "kubelet v1.31.0 <debug>", Host: "127.0.0.1", Port: 4000, Rules: []debugkit.Rule{{From: "/build/tree", To: "/home/me/my tree"}, {From: "", To: "/usr/go/src"}}}
	dir := filepath.Join(t.TempDir(), "ide")
	paths, err := ide.Write(dir)
	if err != nil || len(paths) != 3 {
		t.Fatalf("%v, %v", paths, err)
	}
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var launch struct {
		Version        string
		Configurations []map[string]any
	}
	if err := json.Unmarshal(read("launch.json"), &launch); err != nil || len(launch.Configurations) != 1 {
		t.Fatalf("%v: %s", err, read("launch.json"))
	}
	want := map[string]any{
		"name": ide.Name, "type": "go", "request": "attach", "mode": "remote", "host": "127.0.0.1", "port": 4000.0, "stopOnEntry": false,
		"substitutePath": []any{map[string]any{"from": "/home/me/my tree", "to": "/build/tree"}, map[string]any{"from": "/usr/go/src", "to": ""}},
	}
	if diff := cmp.Diff(want, launch.Configurations[0]); diff != "" {
		t.Error(diff)
	}
	var remote struct {
		Configuration struct {
			Name string `xml:"name,attr"`
			Type string `xml:"type,attr"`
			Port int    `xml:"port,attr"`
		} `xml:"configuration"`
	}
	if err := xml.Unmarshal(read("kubelet.run.xml"), &remote); err != nil || remote.Configuration.Name != ide.Name || remote.Configuration.Port != 4000 ||
		remote.Configuration.Type != "GoRemoteDebugConfigurationType" {
		t.Errorf("%v: %s", err, read("kubelet.run.xml"))
	}
	if text := string(read("paths.dlv")); !strings.Contains(text, "config substitute-path /build/tree \"/home/me/my tree\"\nconfig substitute-path \"\" /usr/go/src\n") {
		t.Errorf("got %s", text)
	}
}

func TestFindTree(t *testing.T) {
	dir := t.TempDir()
	if _, err := debugkit.FindTree(dir, ""); err == nil {
		t.Error("an empty folder is a tree")
	}
	for _, path := range []string{"pkg/kubelet/kuberuntime/kuberuntime_manager.go", "staging/src/k8s.io/api/doc.go"} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := debugkit.FindTree(dir, "")
	if diff := cmp.Diff(debugkit.Tree{Dir: dir, Layout: layout.Upstream, Staging: []string{"api"}}, tree); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := debugkit.FindTree(dir, dir); err == nil || !strings.Contains(err.Error(), "is no GOROOT") {
		t.Errorf("got %v", err)
	}
}

// A program that is no kubelet, and one without DWARF, are refused by name.
func TestReadPathsRefuses(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{text, os.Args[0], "/bin/true"} {
		if _, err := debugkit.ReadPaths(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: got %v", file, err)
		}
	}
}
