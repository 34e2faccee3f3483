package series

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestMark compares what is left for a person, of each fixture's first patch that does
// not apply, with its marked.txtar.
func TestMark(t *testing.T) {
	for _, name := range []string{
		"two-places", "context-changed", "white-space", "already-applied", "file-missing", "new-file-exists",
		"deletion-changed", "rename-target-exists", "no-newline-differs", "edges-moved", "overlap", "order", "several-failures",
	} {
		t.Run(name, func(t *testing.T) {
			dir, patches := loadCase(t, name)
			base := FromFS(os.DirFS(filepath.Join(dir, "before")))
			for _, patch := range patches {
				marked, err := Mark(base, patch, "v1.38.0")
				if err != nil {
					t.Fatal(err)
				}
				if len(marked.Conflicts) == 0 {
					base = Overlay(base, marked.Changes)
					continue
				}
				archive := &txtar.Archive{Comment: []byte(patch.File + ": " + marked.String() + "\n")}
				for _, change := range marked.Changes {
					if change.New != nil {
						archive.Files = append(archive.Files, txtar.File{Name: change.Path, Data: change.New.Data})
					}
				}
				sameAsFile(t, filepath.Join(dir, "marked.txtar"), txtar.Format(archive))
				return
			}
			t.Error("every patch applies")
		})
	}
}

func TestHasMarks(t *testing.T) {
	for text, want := range map[string]bool{
		"a\n": false, "a << b\n": false, "<<<<<<< v1\n": true, "a\n>>>>>>> p": true, "=======\n": false, "x <<<<<<< y\n": false,
	} {
		if got := HasMarks([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestWhere(t *testing.T) {
	got := Where("pkg/kubelet/config/file.go", []string{"file.go", "pkg/kubelet/config/file.go", "pkg/kubelet/other/file.go", "test/file.go", "pkg/kubelet/config/afile.go"})
	if diff := cmp.Diff([]string{"pkg/kubelet/other/file.go", "file.go", "test/file.go"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
