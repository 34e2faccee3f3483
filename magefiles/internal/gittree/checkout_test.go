package gittree_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
)

// Files that are right must keep their modification time: the compiler's cache
// and a person's editor go by it.
func TestCheckoutLeavesRightFilesAlone(t *testing.T) {
	_, worktree, store := tree(t, kubernetes)
	base := snapshot(t, store, worktree)
	old := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range []string{"go.mod", "pkg/kubelet/kubelet.go"} {
		if err := os.Chtimes(filepath.Join(worktree, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	edited, err := store.Edit(base, []gittree.Change{{Path: "pkg/kubelet/kubelet.go", Data: []byte("package patched\n")}})
	if err != nil {
		t.Fatal(err)
	}
	if written, err := store.Checkout(t.Context(), edited, worktree, nil); written != 1 || err != nil {
		t.Errorf("wrote %d files: %v; want 1", written, err)
	}
	if info, err := os.Stat(filepath.Join(worktree, "go.mod")); err != nil || !info.ModTime().Equal(old) {
		t.Errorf("an untouched file has a new time: %v %v", info.ModTime(), err)
	}
	if written, err := store.Checkout(t.Context(), edited, worktree, nil); written != 0 || err != nil {
		t.Errorf("the second time it wrote %d files: %v; want 0", written, err)
	}
}

func TestCheckoutRepairs(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func(worktree string) error{
		"content": func(w string) error {
			return os.WriteFile(filepath.Join(w, "go.mod"), []byte("module hacked\n"), 0o644)
		},
		"mode":                       func(w string) error { return os.Chmod(filepath.Join(w, "go.mod"), 0o755) },
		"missing":                    func(w string) error { return os.RemoveAll(filepath.Join(w, "pkg")) },
		"all missing":                func(w string) error { return os.RemoveAll(w) },
		"all missing, and the stamp": func(w string) error { return errors.Join(os.RemoveAll(w), os.Remove(w+".stamp")) },
		"stray file":                 func(w string) error { return os.WriteFile(filepath.Join(w, "pkg/stray.go"), nil, 0o644) },
		"stray tree":                 func(w string) error { return os.MkdirAll(filepath.Join(w, "pkg/stray/deep"), 0o755) },
		"file, wants folder": func(w string) error {
			return errors.Join(os.RemoveAll(filepath.Join(w, "pkg")), os.WriteFile(filepath.Join(w, "pkg"), nil, 0o644))
		},
		"folder, wants file": func(w string) error {
			return errors.Join(os.Remove(filepath.Join(w, "go.mod")), os.Mkdir(filepath.Join(w, "go.mod"), 0o755))
		},
		"link instead of a file": func(w string) error {
			return errors.Join(os.Remove(filepath.Join(w, "go.mod")), os.Symlink(outside, filepath.Join(w, "go.mod")))
		},
		"link instead of a folder": func(w string) error {
			return errors.Join(os.RemoveAll(filepath.Join(w, "pkg")), os.Symlink(filepath.Dir(outside), filepath.Join(w, "pkg")))
		},
		"named pipe": func(w string) error { return exec.Command("mkfifo", filepath.Join(w, "pipe")).Run() },
		"no stamp":   func(w string) error { return os.Remove(w + ".stamp") },
		"bad stamp":  func(w string) error { return os.WriteFile(w+".stamp", []byte("steadylet worktree 1\x00"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			_, worktree, store := tree(t, kubernetes)
			id := snapshot(t, store, worktree)
			if err := damage(worktree); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Checkout(t.Context(), id, worktree, nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(kubernetes, read(t, worktree)); diff != "" {
				t.Errorf("not repaired (-want +got):\n%s", diff)
			}
			if differing, err := store.Verify(id, worktree); len(differing) != 0 || err != nil {
				t.Errorf("Verify says %v %v", differing, err)
			}
			if data, err := os.ReadFile(outside); string(data) != "outside" || err != nil {
				t.Errorf("a file outside was touched: %q %v", data, err)
			}
		})
	}
}

func TestVerifyNamesWhatDiffers(t *testing.T) {
	_, worktree, store := tree(t, kubernetes)
	id := snapshot(t, store, worktree)
	kubernetes := files{"pkg/stray.go": "x", "go.mod": "module hacked\n"}
	kubernetes.write(t, worktree)
	got, err := store.Verify(id, worktree)
	if diff := cmp.Diff([]string{"go.mod", "pkg/stray.go"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// writeTree stores a tree that no git program would make.
func writeTree(t *testing.T, gitDir, text string) string {
	t.Helper()
	cmd := exec.Command("git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin")
	cmd.Dir, cmd.Stdin = gitDir, bytes.NewBufferString(text)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(out))
}

func TestCheckoutRefusesHostileTrees(t *testing.T) {
	id := string(bytes.Repeat([]byte{0x11}, 20))
	for name, text := range map[string]string{
		"parent":    "100644 ..\x00" + id,
		"git":       "40000 .git\x00" + id,
		"separator": "100644 a/b\x00" + id,
		"twice":     "120000 a\x00" + id + "100644 a\x00" + id,
		"submodule": "160000 a\x00" + id,
	} {
		t.Run(name, func(t *testing.T) {
			dir, worktree, store := tree(t, files{})
			_, err := store.Checkout(t.Context(), plumbing.NewHash(writeTree(t, filepath.Join(dir, "git"), text)), worktree, nil)
			if err == nil {
				t.Error("it was checked out")
			}
			if got := read(t, worktree); len(got) != 0 {
				t.Errorf("written: %v", got)
			}
		})
	}
}

// Empty folders in folders, eight in each, 25 deep.
func TestCheckoutRefusesTooManyFolders(t *testing.T) {
	dir, worktree, store := tree(t, files{})
	id := writeTree(t, filepath.Join(dir, "git"), "")
	for range 25 {
		raw, err := hex.DecodeString(id)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for name := range 8 {
			fmt.Fprintf(&text, "40000 %d\x00%s", name, raw)
		}
		id = writeTree(t, filepath.Join(dir, "git"), text.String())
	}
	if _, err := store.Checkout(t.Context(), plumbing.NewHash(id), worktree, nil); !errors.Is(err, gittree.ErrPath) {
		t.Errorf("got %v, want ErrPath", err)
	}
}

func TestPermissionsOfTheStamp(t *testing.T) {
	_, worktree, store := tree(t, kubernetes)
	snapshot(t, store, worktree)
	if info, err := os.Stat(worktree + ".stamp"); err != nil || info.Mode() != fs.FileMode(0o600) {
		t.Errorf("%v %v", info, err)
	}
}
