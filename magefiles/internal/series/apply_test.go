package series

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/programtest"
)

var update = flag.Bool("update", false, "write the expected conflicts and reports anew")

// applying are the fixtures in testdata/apply that apply, with the placement of
// each hunk that is not at its wanted line.
var applying = []struct {
	name  string
	moved []Placement
}{
	{name: "clean"},
	{name: "offset", moved: []Placement{
		{File: "pkg/list.txt", Hunk: 1, Wanted: 7, Found: 8, Offset: 1},
		{File: "pkg/list.txt", Hunk: 2, Wanted: 28, Found: 30, Offset: 2},
	}},
	{name: "sequence"},
	{name: "new-file"},
	{name: "deletion"},
	{name: "rename"},
	{name: "mode-change"},
	{name: "no-newline"},
	{name: "edges"},
}

func TestApply(t *testing.T) {
	for _, test := range applying {
		t.Run(test.name, func(t *testing.T) {
			dir, patches := loadCase(t, test.name)
			result, err := Apply(FromFS(os.DirFS(filepath.Join(dir, "before"))), patches)
			if err != nil {
				t.Fatal(err)
			}
			want := readTree(t, filepath.Join(dir, "after"))
			sameTree(t, want, changed(t, beforeTree(t, dir), result))
			for path, file := range want {
				if got, err := result.ReadFile(path); err != nil || !bytes.Equal(got, file.Data) {
					t.Errorf("ReadFile(%s) = %q, %v; want %q", path, got, err, file.Data)
				}
			}
			var moved []Placement
			for _, applied := range result.Patches {
				for _, h := range applied.Hunks {
					if h.Offset != 0 {
						moved = append(moved, h)
					}
				}
			}
			if diff := cmp.Diff(test.moved, moved); diff != "" {
				t.Errorf("moved hunks (-want +got):\n%s", diff)
			}
		})
	}
}

// TestApplyAgreesWithGit applies the same patches with the git program.
func TestApplyAgreesWithGit(t *testing.T) {
	requireGit(t)
	for _, test := range applying {
		t.Run(test.name, func(t *testing.T) {
			dir, patches := loadCase(t, test.name)
			work := t.TempDir()
			writeTree(t, work, beforeTree(t, dir))
			git(t, work, "init", "-q")
			for _, p := range patches {
				patch, err := filepath.Abs(filepath.Join(dir, "patches", p.File))
				if err != nil {
					t.Fatal(err)
				}
				git(t, work, "apply", "--whitespace=nowarn", patch)
			}
			result, err := Apply(FromFS(os.DirFS(filepath.Join(dir, "before"))), patches)
			if err != nil {
				t.Fatal(err)
			}
			sameTree(t, readTree(t, work), changed(t, beforeTree(t, dir), result))
		})
	}
}

func requireGit(t testing.TB) {
	t.Helper()
	programtest.Needs(t, "git", "git")
}

// git runs git away from the user's configuration.
func git(t testing.TB, dir string, arguments ...string) {
	t.Helper()
	command := exec.Command("git", arguments...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", arguments, err, output)
	}
}

// TestConflicts compares the conflicts of each fixture with its conflicts.json
// and its report.txt.
func TestConflicts(t *testing.T) {
	for _, name := range []string{
		"two-places", "context-changed", "white-space", "already-applied", "appended-already",
		"file-missing", "new-file-exists", "deletion-changed", "rename-target-exists",
		"no-newline-differs", "edges-moved", "overlap", "order", "several-failures", "nothing-left",
	} {
		t.Run(name, func(t *testing.T) {
			dir, patches := loadCase(t, name)
			before := beforeTree(t, dir)
			result, err := Apply(FromFS(os.DirFS(filepath.Join(dir, "before"))), patches)
			if result != nil {
				t.Errorf("Apply gave a result beside the error")
			}
			sameTree(t, before, beforeTree(t, dir))
			var conflict *ConflictError
			if !errors.Is(err, ErrConflict) || !errors.As(err, &conflict) {
				t.Fatalf("Apply: %v; want a ConflictError", err)
			}
			listed, err := json.MarshalIndent(conflict, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			sameAsFile(t, filepath.Join(dir, "conflicts.json"), append(listed, '\n'))
			var report bytes.Buffer
			if err := conflict.Report(&report); err != nil {
				t.Fatal(err)
			}
			sameAsFile(t, filepath.Join(dir, "report.txt"), report.Bytes())
		})
	}
}

func sameAsFile(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// unreadable is a tree whose files can't be read.
type unreadable struct{}

func (unreadable) ReadFile(path string) (File, error) {
	return File{}, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
}

func TestApplyUnreadable(t *testing.T) {
	_, patches := loadCase(t, "clean")
	result, err := Apply(unreadable{}, patches)
	if result != nil || !errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrConflict) {
		t.Errorf("Apply = %v, %v; want the reading error alone", result, err)
	}
}

func TestFromFSRefusesLink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := FromFS(os.DirFS(dir)).ReadFile("link"); err == nil {
		t.Error("a symbolic link was read")
	}
}
