package layout_test

import (
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/layout"
)

func TestPath(t *testing.T) {
	for _, test := range []struct{ path, vendored string }{
		{"pkg/kubelet/kubelet.go", "vendor/k8s.io/kubernetes/pkg/kubelet/kubelet.go"},
		{"staging/src/k8s.io/api/core/v1/types.go", "vendor/k8s.io/api/core/v1/types.go"},
		{"vendor/github.com/spf13/cobra/command.go", "vendor/github.com/spf13/cobra/command.go"},
	} {
		if got := layout.Upstream.Path(test.path); got != test.path {
			t.Errorf("upstream: %s became %s", test.path, got)
		}
		if got := layout.Vendored.Path(test.path); got != test.vendored {
			t.Errorf("vendored: %s became %s, want %s", test.path, got, test.vendored)
		}
	}
}

func TestDetect(t *testing.T) {
	only := func(file string) func(string) bool {
		return func(path string) bool { return path == file }
	}
	const manager = "pkg/kubelet/kuberuntime/kuberuntime_manager.go"
	for file, want := range map[string]layout.Layout{
		manager:                               layout.Upstream,
		"vendor/k8s.io/kubernetes/" + manager: layout.Vendored,
	} {
		if got, err := layout.Detect(only(file)); got != want || err != nil {
			t.Errorf("with %s: got %q, %v; want %q", file, got, err, want)
		}
	}
	if _, err := layout.Detect(only("README.md")); err == nil {
		t.Error("a folder without a kubelet was accepted")
	}
}
