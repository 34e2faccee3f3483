package graft

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/layout"
)

var (
	statefileFixture = os.DirFS(filepath.Join("testdata", "statefile"))
	renameioFixture  = os.DirFS(filepath.Join("testdata", "renameio"))
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestNewPlan(t *testing.T) {
	plan, err := NewPlan(statefileFixture, renameioFixture, layout.Upstream)
	if err != nil {
		t.Fatal(err)
	}
	want := []Change{
		{"pkg/kubelet/steadylet/internal/renameio/LICENSE", fixture(t, "renameio/LICENSE")},
		{"pkg/kubelet/steadylet/internal/renameio/tempfile.go", fixture(t, "renameio/tempfile.go")},
		{"pkg/kubelet/steadylet/statefile/old.go", fixture(t, "statefile/old.go")},
		{"pkg/kubelet/steadylet/statefile/owner_linux.go", fixture(t, "statefile/owner_linux.go")},
		{"pkg/kubelet/steadylet/statefile/record.go", fixture(t, "want/record.go")},
		{"pkg/kubelet/steadylet/statefile/state/state.go", fixture(t, "statefile/state/state.go")},
	}
	if diff := cmp.Diff(want, plan.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	wantPackages := []string{
		"k8s.io/kubernetes/pkg/kubelet/steadylet/internal/renameio",
		"k8s.io/kubernetes/pkg/kubelet/steadylet/statefile",
		"k8s.io/kubernetes/pkg/kubelet/steadylet/statefile/state",
	}
	if diff := cmp.Diff(wantPackages, plan.Packages); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
}

func TestNewPlanPutsFilesWhereTheLayoutHasThem(t *testing.T) {
	upstream, err := NewPlan(statefileFixture, renameioFixture, layout.Upstream)
	if err != nil {
		t.Fatal(err)
	}
	vendored, err := NewPlan(statefileFixture, renameioFixture, layout.Vendored)
	if err != nil {
		t.Fatal(err)
	}
	want := *upstream
	want.Changes = nil
	for _, change := range upstream.Changes {
		want.Changes = append(want.Changes, Change{"vendor/k8s.io/kubernetes/" + change.Path, change.Data})
	}
	if diff := cmp.Diff(&want, vendored); diff != "" {
		t.Errorf("vendored plan: all but the paths must be as upstream (-want +got):\n%s", diff)
	}
}

func TestDigestCoversPathsAndContent(t *testing.T) {
	base := fstest.MapFS{"a.go": {Data: []byte("package a\n")}, "b.go": {Data: []byte("package a\n")}}
	digestOf := func(files fstest.MapFS) string {
		t.Helper()
		plan, err := NewPlan(files, renameioFixture, layout.Upstream)
		if err != nil {
			t.Fatal(err)
		}
		return plan.Digest
	}
	first := digestOf(base)
	if again := digestOf(base); again != first {
		t.Errorf("same input, digests %s and %s", first, again)
	}
	tests := map[string]fstest.MapFS{
		"renamed file": {"a.go": base["a.go"], "c.go": base["b.go"]},
		"changed file": {"a.go": base["a.go"], "b.go": {Data: []byte("package a // changed\n")}},
		"missing file": {"a.go": base["a.go"]},
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			if digestOf(files) == first {
				t.Error("the digest did not change")
			}
		})
	}
}

func TestNewPlanRefusesImports(t *testing.T) {
	for _, imported := range []string{
		"golang.org/x/sys/unix", "k8s.io/klog", "k8s.io/api/core/v1", "github.com/google/renameio/v2",
		"github.com/google/renameio/maybe", "github.com/steadylet/steadylet/statefiles",
		"github.com/steadylet/steadylet/magefiles/internal/lock", "C",
	} {
		t.Run(imported, func(t *testing.T) {
			files := fstest.MapFS{"sub/x.go": {Data: []byte("package x\n\nimport _ \"" + imported + "\"\n")}}
			plan, err := NewPlan(files, renameioFixture, layout.Upstream)
			want := &WallError{File: "sub/x.go", Import: imported}
			var got *WallError
			if !errors.As(err, &got) || *got != *want {
				t.Errorf("error %v, want %v", err, want)
			}
			if plan != nil {
				t.Error("a plan came with the error")
			}
		})
	}
}

func TestNewPlanRefuses(t *testing.T) {
	good := fstest.MapFS{"a.go": {Data: []byte("package a\n")}, "LICENSE": {Data: []byte("licence\n")}}
	link := fstest.MapFS{"a.go": {Data: []byte("/etc/passwd"), Mode: fs.ModeSymlink}}
	tests := []struct {
		name                string
		statefile, renameio fs.FS
		want                error
	}{
		{"no library", fstest.MapFS{"README": {}}, good, errNoSource},
		{"nothing for Linux", fstest.MapFS{"a_windows.go": good["a.go"]}, good, errNoSource},
		{"renameio only below its root", good, fstest.MapFS{"maybe/a.go": good["a.go"], "LICENSE": good["LICENSE"]}, errNoSource},
		{"no licence", good, fstest.MapFS{"a.go": good["a.go"]}, fs.ErrNotExist},
		{"symbolic link", link, good, nil},
		{"not Go", fstest.MapFS{"a.go": {Data: []byte("package a\n\nimport 7\n")}}, good, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			plan, err := NewPlan(test.statefile, test.renameio, layout.Upstream)
			if err == nil || plan != nil || (test.want != nil && !errors.Is(err, test.want)) {
				t.Errorf("plan %v, error %v, want no plan and %v", plan, err, test.want)
			}
		})
	}
}

// The real library must be inside the wall, and the copy must be complete.
func TestNewPlanTakesTheRealLibrary(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	dir, err := RenameioDir(t.Context(), root, os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	plan, err := NewPlan(os.DirFS(filepath.Join(root, "statefile")), os.DirFS(dir), layout.Upstream)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, change := range plan.Changes {
		have[path.Base(change.Path)] = true
	}
	for _, name := range []string{"LICENSE", "doc.go", "tempfile.go", "writefile.go"} {
		if !have[name] {
			t.Errorf("%s of renameio is not in the plan", name)
		}
	}
}
