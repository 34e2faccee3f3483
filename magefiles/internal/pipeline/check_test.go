package pipeline_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/check"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/serieslock"
)

// ownSeries lays out a repository with this one's series and locks.
func ownSeries(t *testing.T) (root string, tags int) {
	t.Helper()
	root = t.TempDir()
	patches := filepath.Join("..", "..", "..", "patches")
	if err := os.CopyFS(filepath.Join(root, "patches"), os.DirFS(patches)); err != nil {
		t.Fatal(err)
	}
	known, err := lock.Read(filepath.Join(patches, "kubernetes.lock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range known.Known() {
		programtest.Module(t, "k8s.io/kubernetes@"+version.String())
	}
	return root, len(known.Versions)
}

func open(t *testing.T, root string) (*pipeline.Pipeline, *bytes.Buffer) {
	t.Helper()
	settings := config(root)
	var results bytes.Buffer
	settings.Results = &results
	p, err := pipeline.Open(settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, &results
}

// Every series of this repository applies to every tag that it says it does, with its
// hooks proven, and is what its lock recorded. An edited patch is found and named.
func TestCheckOfThisRepository(t *testing.T) {
	root, tags := ownSeries(t)
	p, results := open(t, root)
	report, err := p.Check(t.Context(), pipeline.CheckOptions{Version: pipeline.AllVersions})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.PrintCheck(report, false); err != nil {
		t.Errorf("%v\n%s", err, results)
	}
	served := 0
	for _, row := range report.Rows {
		if row.Series == pipeline.DefaultSeries && row.Selection.Kind == check.Exact {
			served++
		}
	}
	if served != tags {
		t.Errorf("series %s serves %d of %d locked tags", pipeline.DefaultSeries, served, tags)
	}
	recordsTheSame(t, p, root)
	name := filepath.Join(root, "patches", pipeline.DefaultSeries, "0001-steadylet-package.patch")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, bytes.Replace(data, []byte("+package steadylet\n"), []byte("+package steadylet // edited\n"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	report, err = p.Check(t.Context(), pipeline.CheckOptions{Version: pipeline.AllVersions, Series: pipeline.DefaultSeries})
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Err(); !errors.Is(err, serieslock.ErrDrift) || !strings.Contains(err.Error(), filepath.Base(name)+": the patch was edited") {
		t.Errorf("an edited patch gives %v", err)
	}
}

// recordsTheSame records every series anew: nothing may change.
func recordsTheSame(t *testing.T, p *pipeline.Pipeline, root string) {
	t.Helper()
	locks, err := filepath.Glob(filepath.Join(root, "patches", "*", serieslock.FileName))
	if err != nil || len(locks) == 0 {
		t.Fatalf("no lock of a series: %v", err)
	}
	before := map[string]string{}
	for _, path := range locks {
		before[path] = read(t, path)
	}
	if err := p.Lock(t.Context(), pipeline.LockOptions{}); err != nil {
		t.Fatal(err)
	}
	for path, want := range before {
		if diff := cmp.Diff(want, read(t, path)); diff != "" {
			t.Errorf("%s (-before +after):\n%s", path, diff)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
