package roottree_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/roottree"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

const (
	inRoot   = "pkg/a.go"
	inClient = "staging/src/k8s.io/client-go/util/cert.go"
	absent   = "staging/src/k8s.io/client-go/util/absent.go"
	inAPI    = "staging/src/k8s.io/api/core/v1/types.go"
)

func published(t *testing.T) *source.Published {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"root/" + inRoot, "client/util/cert.go"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("package p // "+name+"\n"), 0o444)); err != nil {
			t.Fatal(err)
		}
	}
	return &source.Published{
		Root: filepath.Join(dir, "root"), Staging: map[string]string{"k8s.io/client-go": filepath.Join(dir, "client")},
		Unavailable: map[string]error{"k8s.io/api": source.ErrUnavailable},
	}
}

func TestStagingModules(t *testing.T) {
	paths := []string{inAPI, inClient, absent, inRoot, "staging/README.md", "staging/src/k8s.io/odd"}
	if diff := cmp.Diff([]string{"k8s.io/api", "k8s.io/client-go"}, roottree.StagingModules(paths)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{inAPI, inClient, absent}, roottree.Staging(paths)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Paths of the upstream layout lead into the modules. Of a module that can't be had
// nothing is known, which is not the same as a file that is not there.
func TestReadFile(t *testing.T) {
	files := roottree.NewFiles(published(t))
	for path, want := range map[string]string{inRoot: "package p // root/pkg/a.go\n", inClient: "package p // client/util/cert.go\n"} {
		if got, err := files.ReadFile(path); err != nil || string(got.Data) != want {
			t.Errorf("%s: %q, %v", path, got.Data, err)
		}
	}
	for path, want := range map[string]error{
		absent: fs.ErrNotExist, "pkg/absent.go": fs.ErrNotExist, inAPI: source.ErrUnavailable,
		"staging/src/k8s.io/kubelet/a.go": source.ErrUnavailable, "../outside": fs.ErrInvalid,
	} {
		if got, err := files.ReadFile(path); !errors.Is(err, want) || errors.Is(err, fs.ErrNotExist) != (want == fs.ErrNotExist) {
			t.Errorf("%s: %q, %v; want %v", path, got.Data, err, want)
		}
	}
}

// The tree has the staging files that are named, and no others.
func TestNew(t *testing.T) {
	store, err := gittree.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	modules := published(t)
	root, err := roottree.Describe(t.Context(), store, modules)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := roottree.New(store, modules, root, []string{inRoot, absent})
	if err != nil || alone.ID != root {
		t.Errorf("without staging files the tree is %v, %v, want %s", alone, err, root)
	}
	both, err := roottree.New(store, modules, root, []string{inRoot, inClient})
	if err != nil {
		t.Fatal(err)
	}
	paths, err := store.Diff(t.Context(), root, both.ID)
	if diff := cmp.Diff([]string{inClient}, paths); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := roottree.New(store, modules, root, []string{inAPI}); !errors.Is(err, source.ErrUnavailable) {
		t.Errorf("a staging file that can't be had gives %v", err)
	}
}

// The folders of a tree are read once, however many files are looked for in it.
func TestWhere(t *testing.T) {
	store, err := gittree.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	modules := published(t)
	const folders = 200
	for i := range folders {
		path := filepath.Join(modules.Root, "pkg", fmt.Sprint(i), "b.go")
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	root, err := roottree.Describe(t.Context(), store, modules)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := roottree.New(store, modules, root, nil)
	if err != nil {
		t.Fatal(err)
	}
	look := func() {
		if found, err := tree.Where("cmd/a.go", 3); err != nil || !slices.Equal(found, []string{inRoot}) {
			t.Fatalf("got %v, %v", found, err)
		}
	}
	look()
	if allocated := testing.AllocsPerRun(5, look); allocated >= folders {
		t.Errorf("looking for one more file in %d folders allocates %.0f times", folders, allocated)
	}
}
