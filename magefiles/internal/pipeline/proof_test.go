package pipeline_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/hookcheck"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
)

// A tree that was patched before is held against an assertion that came later.
func TestNewAssertionIsChecked(t *testing.T) {
	root, kubernetes := repository(t)
	mustRun(t, root, kubernetes, pipeline.DefaultSeries, debug)
	index := filepath.Join(root, "patches", pipeline.DefaultSeries, "series.yaml")
	data, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	const added = "  - file: pkg/kubelet/kuberuntime/kuberuntime_manager.go\n    function: Describe\n    call: steadylet.Keep\n"
	writeFile(t, index, append(data, added...))
	if _, err := run(t.Context(), config(root), kubernetes, pipeline.DefaultSeries, debug); !errors.Is(err, hookcheck.ErrHookMissing) {
		t.Errorf("got %v, want ErrHookMissing", err)
	}
}
