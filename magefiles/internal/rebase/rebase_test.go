package rebase

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// setup lays out a fixture: the series s in patches, and the sources of a tag.
func setup(t *testing.T, name, version string) (patches string, published *source.Published) {
	t.Helper()
	dir := t.TempDir()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := txtar.Write(archive, dir); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "patches"), &source.Published{
		Entry: lock.Entry{Version: tag(t, version), Time: time.Unix(0, 0)}, Root: filepath.Join(dir, "root"),
	}
}

func loader(patches string) func(string) (*series.Series, error) {
	return func(name string) (*series.Series, error) { return series.Load(os.DirFS(patches), name) }
}

func start(t *testing.T, patches string, published *source.Published) (*Rebase, string) {
	t.Helper()
	loaded, err := loader(patches)("s")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "rebase")
	r, err := Start(t.Context(), dir, loaded, published)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, dir
}

// A patch that upstream has ends the rebase with a word on what is left to do.
func TestTakenByUpstream(t *testing.T) {
	patches, published := setup(t, "taken.txtar", "v1.38.0")
	r, _ := start(t, patches, published)
	if err := r.Run(t.Context(), false, t.Logf); err != nil {
		t.Fatal(err)
	}
	if got := r.state.Done[0].Result; got != Taken {
		t.Errorf("the patch is %s, want %s", got, Taken)
	}
	_, err := r.Outcome(t.Context(), filepath.Join(patches, "s"), t.TempDir(), nil)
	if !errors.Is(err, ErrPerson) || !strings.Contains(err.Error(), "0001-a.patch is not needed on v1.38.0") {
		t.Errorf("got %v", err)
	}
}

// A file that upstream moved is found, and skipping leaves the patch out.
func TestMovedFile(t *testing.T) {
	patches, published := setup(t, "moved.txtar", "v1.38.0")
	r, _ := start(t, patches, published)
	err := r.Run(t.Context(), false, t.Logf)
	var conflict *Conflict
	if !errors.As(err, &conflict) || !strings.Contains(err.Error(), "a file of that name: pkg/new/a.go") {
		t.Fatalf("got %v", err)
	}
	if err := r.Run(t.Context(), true, t.Logf); err != nil {
		t.Fatal(err)
	}
	if got := r.state.Done[0].Result; got != Taken {
		t.Errorf("the skipped patch is %s", got)
	}
}

// The moved file is edited by hand, and becomes a variant of its own; the one before
// keeps its versions.
func TestNewVariant(t *testing.T) {
	patches, published := setup(t, "moved.txtar", "v1.38.0")
	r, dir := start(t, patches, published)
	if err := r.Run(t.Context(), false, t.Logf); !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "src", "pkg", "new", "a.go")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(data), "\tone()\n", "\tone()\n\tours()\n", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context(), false, t.Logf); err != nil {
		t.Fatal(err)
	}
	made, err := r.Outcome(t.Context(), filepath.Join(patches, "s"), t.TempDir(), []kubever.Version{tag(t, "v1.37.2")})
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Write(filepath.Join(patches, "s")); err != nil {
		t.Fatal(err)
	}
	rebased, err := loader(patches)("s")
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{"v1.37.2": "0001-a.patch", "v1.38.0": "0001-a.v1.38.patch"} {
		selected, err := rebased.Select(tag(t, version), false)
		if err != nil || len(selected) != 1 || selected[0].File != want {
			t.Errorf("%s takes %v, %v; want %s", version, selected, err, want)
		}
	}
	if len(made.Differences[0].Lines) == 0 {
		t.Error("the range-diff shows no difference")
	}
}

func TestRefusals(t *testing.T) {
	patches, published := setup(t, "moved.txtar", "v1.38.0")
	dir := filepath.Join(t.TempDir(), "rebase")
	if _, err := Resume(dir, loader(patches)); !errors.Is(err, ErrNone) {
		t.Errorf("resuming nothing gives %v", err)
	}
	if err := Abort(dir); !errors.Is(err, ErrNone) {
		t.Errorf("dropping nothing gives %v", err)
	}
	r, dir := start(t, patches, published)
	if _, err := Start(t.Context(), dir, r.series, published); !errors.Is(err, ErrUnderWay) {
		t.Errorf("starting a second one gives %v", err)
	}
	if err := r.Run(t.Context(), true, t.Logf); !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	if err := r.Run(t.Context(), true, t.Logf); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(patches, "s", "0001-a.patch")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(data), "Call ours", "Call theirs", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Resume(dir, loader(patches)); !errors.Is(err, ErrChanged) {
		t.Errorf("resuming with an edited patch gives %v", err)
	}
	if err := os.WriteFile(statePath(dir), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Resume(dir, loader(patches)); err == nil || !strings.Contains(err.Error(), "-abort") {
		t.Errorf("a damaged state gives %v", err)
	}
	if err := Abort(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after -abort the folder is there: %v", err)
	}
}
