package pipeline_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/rebase"
	"github.com/steadylet/steadylet/magefiles/internal/series"
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
	if err := p.Edit(t.Context(), pipeline.DefaultSeries, realTag); err != nil {
		t.Fatal(err)
	}
	if err := p.Edit(t.Context(), pipeline.DefaultSeries, realTag); !errors.Is(err, pipeline.ErrEditing) {
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

// The ranges end before a tag, and a rebase to it gives them back.
func TestRebaseWidensRanges(t *testing.T) {
	root, _ := ownSeries(t)
	index := filepath.Join(root, "patches", pipeline.DefaultSeries, series.IndexFile)
	want := read(t, index)
	if err := os.WriteFile(index, []byte(strings.ReplaceAll(want, "<1.38.0", "<1.37.0")), 0o644); err != nil {
		t.Fatal(err)
	}
	p, results := open(t, root)
	for _, options := range []pipeline.RebaseOptions{{}, {Resume: true, Abort: true}} {
		if err := p.Rebase(t.Context(), options); !errors.Is(err, pipeline.ErrChoice) {
			t.Errorf("%+v gives %v", options, err)
		}
	}
	if err := p.Rebase(t.Context(), pipeline.RebaseOptions{Resume: true}); !errors.Is(err, rebase.ErrNone) {
		t.Errorf("resuming nothing gives %v", err)
	}
	if err := p.Rebase(t.Context(), pipeline.RebaseOptions{To: "v1.37.2", Series: pipeline.DefaultSeries}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, read(t, index)); diff != "" {
		t.Errorf("series.yaml (-want +got):\n%s", diff)
	}
	if !strings.Contains(results.String(), "5:  0005-static-pod.patch = 0005-static-pod.patch\n") {
		t.Errorf("the range-diff is\n%s", results)
	}
	if err := p.Rebase(t.Context(), pipeline.RebaseOptions{Abort: true}); !errors.Is(err, rebase.ErrNone) {
		t.Errorf("after the end there is something to drop: %v", err)
	}
}

// copier keeps the state of a rebase, and its outcome, as they are when something is
// printed first.
type copier struct {
	bytes.Buffer
	from string
	kept map[string][]byte
}

func (c *copier) Write(data []byte) (int, error) {
	found, err := filepath.Glob(filepath.Join(c.from, "*.json"))
	for _, path := range found {
		if c.kept[path] == nil && err == nil {
			c.kept[path], err = os.ReadFile(path)
		}
	}
	if err != nil {
		return 0, err
	}
	return c.Buffer.Write(data)
}

// A run that is killed when all is written, but before the rebase has ended, is resumed:
// nothing changes, and the range-diff is shown again. The same with a series.yaml that is
// still the old one.
func TestRebaseIsWrittenAgain(t *testing.T) {
	root, _ := ownSeries(t)
	index := filepath.Join(root, "patches", pipeline.DefaultSeries, series.IndexFile)
	want := read(t, index)
	old := strings.ReplaceAll(want, "<1.38.0", "<1.37.0")
	if err := os.WriteFile(index, []byte(old), 0o644); err != nil {
		t.Fatal(err)
	}
	printed := &copier{from: filepath.Join(root, ".steadylet", "rebase"), kept: map[string][]byte{}}
	settings := config(root)
	settings.Results = printed
	p, err := pipeline.Open(settings)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Rebase(t.Context(), pipeline.RebaseOptions{To: "v1.37.2", Series: pipeline.DefaultSeries}); err != nil {
		t.Fatal(err)
	}
	shown := printed.String()
	for name, text := range map[string]string{"series.yaml is new": want, "series.yaml is old": old} {
		printed.Reset()
		writeFile(t, index, []byte(text))
		for path, data := range printed.kept {
			writeFile(t, path, data)
		}
		if err := p.Rebase(t.Context(), pipeline.RebaseOptions{Resume: true}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, read(t, index)); diff != "" {
			t.Errorf("%s: series.yaml (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(shown, printed.String()); diff != "" {
			t.Errorf("%s: it prints (-first +again):\n%s", name, diff)
		}
		if err := p.Rebase(t.Context(), pipeline.RebaseOptions{Resume: true}); !errors.Is(err, rebase.ErrNone) {
			t.Errorf("%s: after the end it goes on: %v", name, err)
		}
	}
}
