package pipeline_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
)

const realTag = "v1.31.0"

// A tree is opened, one line is edited, and exactly its patch changes. Exporting again
// changes nothing, and neither does exporting what was never edited.
func TestEditAndExport(t *testing.T) {
	root, _ := ownSeries(t)
	p, results := open(t, root)
	if err := p.Export(t.Context(), 0); err != nil {
		t.Errorf("the series are not exported as they are: %v", err)
	}
	if err := p.DiscardEdit(); err == nil {
		t.Error("nothing is open, and can be dropped")
	}
	if err := p.Edit(t.Context(), pipeline.EditOptions{Series: pipeline.DefaultSeries, Version: realTag}); err != nil {
		t.Fatal(err)
	}
	if err := p.Edit(t.Context(), pipeline.EditOptions{Series: pipeline.DefaultSeries, Version: realTag}); !errors.Is(err, pipeline.ErrEditing) {
		t.Errorf("opening a second tree gives %v", err)
	}
	if err := p.Clean(false); err == nil || !strings.Contains(err.Error(), "edit -discard") {
		t.Errorf("cleaning away what is edited gives %v", err)
	}
	hook := filepath.Join(strings.TrimSpace(results.String()), "pkg", "kubelet", "config", "file.go")
	text := strings.Replace(read(t, hook), "steadylet.KeepUID(pod, filename, data)", "steadylet.KeepUID(pod, filename, data) // edited", 1)
	if err := os.WriteFile(hook, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(root, "patches", pipeline.DefaultSeries)
	changed := filepath.Join(folder, "0005-static-pod.v1.20.patch")
	for _, want := range []string{changed + "\n", ""} {
		results.Reset()
		if err := p.Export(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, results.String()); diff != "" {
			t.Errorf("changed patches (-want +got):\n%s", diff)
		}
	}
	if !strings.Contains(read(t, changed), "// edited") {
		t.Error("the edit is not in the patch")
	}
	if err := p.DiscardEdit(); err != nil {
		t.Error(err)
	}
	if err := p.Export(t.Context(), 0); err != nil {
		t.Errorf("the edited series is not exported as it is: %v", err)
	}
}
