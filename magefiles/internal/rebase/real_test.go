package rebase

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

const (
	seriesName = "restart-suppression"
	realTag    = "v1.24.17"
	// missing is the variant that is taken away, and has to come back.
	missing = "0003-run-kubelet.v1.24.patch"
)

var patchesFolder = filepath.Join("..", "..", "..", "patches")

// cached returns a locked tag's root module in the module cache.
func cached(t *testing.T, tag string) (*source.Published, []kubever.Version) {
	t.Helper()
	locked, err := lock.Read(filepath.Join(patchesFolder, "kubernetes.lock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	version, err := kubever.Parse(tag)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := locked.Entry(version)
	if err != nil {
		t.Fatal(err)
	}
	return &source.Published{Entry: entry, Root: programtest.Module(t, "k8s.io/kubernetes@"+tag)}, locked.Known()
}

// without copies the series, less one variant.
func without(t *testing.T, file string) (patches string) {
	t.Helper()
	patches = t.TempDir()
	folder := filepath.Join(patches, seriesName)
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(patchesFolder, seriesName))); err != nil {
		t.Fatal(err)
	}
	index := filepath.Join(folder, series.IndexFile)
	text, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	lines := splitIndex(text)
	from, to, err := lines.block(file)
	if err != nil {
		t.Fatal(err)
	}
	lines = slices.Delete(lines, from, to)
	if err := errors.Join(os.WriteFile(index, lines.bytes(), 0o644), os.Remove(filepath.Join(folder, file))); err != nil {
		t.Fatal(err)
	}
	return patches
}

// A variant is taken away, the series is rebased to the tag that it was for, the
// conflict is resolved by a script, and the variant comes back to the byte. The rebase is
// interrupted after every patch and resumed.
func TestRebaseOnARealTree(t *testing.T) {
	published, locked := cached(t, realTag)
	patches := without(t, missing)
	load := func(name string) (*series.Series, error) { return series.Load(os.DirFS(patches), name) }
	loaded, err := load(seriesName)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "rebase")
	r, err := Start(t.Context(), dir, loaded, published)
	if err != nil {
		t.Fatal(err)
	}
	r = runInterrupted(t, r, load)
	defer r.Close()
	made, err := r.Outcome(t.Context(), filepath.Join(patches, seriesName), t.TempDir(), locked)
	if err != nil {
		t.Fatal(err)
	}
	if len(made.Patches) != 1 || made.Patches[0].File != missing {
		t.Fatalf("the outcome has %d patches", len(made.Patches))
	}
	want, err := os.ReadFile(filepath.Join(patchesFolder, seriesName, missing))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(made.Patches[0].Text)); diff != "" {
		t.Errorf("(-file +rebased):\n%s", diff)
	}
	if err := made.Write(filepath.Join(patches, seriesName)); err != nil {
		t.Fatal(err)
	}
	rebased, err := load(seriesName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rebased.Select(published.Entry.Version, false); err != nil {
		t.Error(err)
	}
	if err := Abort(dir); err != nil {
		t.Error(err)
	}
	if _, err := ReadState(dir); !errors.Is(err, ErrNone) {
		t.Errorf("after the end, reading the state gives %v", err)
	}
}

// runInterrupted runs a rebase to its end, and starts it anew after every patch. Each
// patch is done twice: the first time its state is lost, as when the process is killed
// just before it is written.
func runInterrupted(t *testing.T, r *Rebase, load func(string) (*series.Series, error)) *Rebase {
	t.Helper()
	conflicts, lost := 0, map[string]bool{}
	dir := filepath.Dir(r.bench.Worktree())
	for range 20 {
		before, err := os.ReadFile(statePath(dir))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		err = r.Run(ctx, false, func(string, ...any) { cancel() })
		cancel()
		if err == nil {
			if conflicts != 1 {
				t.Errorf("there were %d conflicts, want 1", conflicts)
			}
			return r
		}
		var conflict *Conflict
		if errors.As(err, &conflict) {
			conflicts++
			resolve(t, r, conflict)
		} else if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		} else if !lost[string(before)] {
			lost[string(before)] = true
			if err := os.WriteFile(statePath(dir), before, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if r, err = Resume(dir, load); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the rebase does not end")
	return nil
}

// resolve does what a person would: it takes the source's lines, and adds the import.
func resolve(t *testing.T, r *Rebase, conflict *Conflict) {
	t.Helper()
	path := filepath.Join(conflict.Worktree, "cmd", "kubelet", "app", "server.go")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !series.HasMarks(data) {
		t.Fatalf("nothing is marked; the conflict is %v", conflict)
	}
	if err := r.Run(t.Context(), false, t.Logf); !errors.Is(err, ErrConflict) {
		t.Errorf("going on without an edit gives %v, want %v", err, ErrConflict)
	}
	var kept []string
	theirs := false
	for line := range strings.Lines(string(data)) {
		switch {
		case strings.HasPrefix(line, "<<<<<<< "):
		case line == "=======\n":
			theirs = true
		case strings.HasPrefix(line, ">>>>>>> "):
			theirs = false
		case !theirs:
			kept = append(kept, line)
			if strings.Contains(line, `stats/pidlimit"`) {
				kept = append(kept, "\t\"k8s.io/kubernetes/pkg/kubelet/steadylet\"\n")
			}
		}
	}
	half := strings.Replace(string(data), "=======\n", "=======\n// half resolved\n", 1)
	if err := os.WriteFile(path, []byte(half), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context(), false, t.Logf); !errors.Is(err, ErrMarks) {
		t.Errorf("going on with marks gives %v, want %v", err, ErrMarks)
	}
	if err := os.WriteFile(path, []byte(strings.Join(kept, "")), 0o644); err != nil {
		t.Fatal(err)
	}
}
