package series

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readTree reads all files below dir.
func readTree(t testing.TB, dir string) map[string]File {
	t.Helper()
	tree := map[string]File{}
	fsys := os.DirFS(dir)
	files := FromFS(fsys)
	err := fs.WalkDir(fsys, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if entry != nil && entry.Name() == ".git" {
				return fs.SkipDir
			}
			return err
		}
		tree[path], err = files.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// writeTree writes a tree below dir.
func writeTree(t testing.TB, dir string, tree map[string]File) {
	t.Helper()
	for path, file := range tree {
		name := filepath.Join(dir, filepath.FromSlash(path))
		mode := fs.FileMode(0o644)
		if file.Executable {
			mode = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, file.Data, mode); err != nil {
			t.Fatal(err)
		}
	}
}

// changed replays the changes of a result on a tree, as a caller would.
func changed(t *testing.T, tree map[string]File, result *Result) map[string]File {
	t.Helper()
	for _, applied := range result.Patches {
		for _, c := range applied.Changes {
			if _, there := tree[c.Path]; there == (c.Kind == Add) {
				t.Errorf("%s: %s of %s, which is there: %t", applied.Patch.File, c.Kind, c.Path, there)
			}
			if c.Kind == Delete {
				delete(tree, c.Path)
				continue
			}
			tree[c.Path] = File{c.Data, c.Executable}
		}
	}
	return tree
}

// sameTree compares trees; no data and empty data are the same.
func sameTree(t *testing.T, want, got map[string]File) {
	t.Helper()
	bytesAsText := cmp.Transformer("text", func(data []byte) string { return string(data) })
	if diff := cmp.Diff(want, got, bytesAsText); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
}

// loadCase loads the series of a fixture in testdata/apply.
func loadCase(t testing.TB, name string) (dir string, patches []*Patch) {
	t.Helper()
	dir = filepath.Join("testdata", "apply", name)
	s, err := Load(os.DirFS(dir), "patches")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range s.Entries {
		patches = append(patches, e.Patch)
	}
	return dir, patches
}

// beforeTree reads the tree that the patches of a fixture are tried on, which a
// case may leave out when it has no files.
func beforeTree(t testing.TB, dir string) map[string]File {
	t.Helper()
	return readTree(t, filepath.Join(dir, "before"))
}
