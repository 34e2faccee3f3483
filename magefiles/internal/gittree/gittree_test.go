package gittree_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/gittree"
)

var when = time.Date(2021, 1, 13, 13, 19, 1, 0, time.UTC)

// files are the content of a folder: a name ending in * is executable, a content
// starting with -> is a link.
type files map[string]string

func (f files) write(t *testing.T, dir string) {
	t.Helper()
	for name, content := range f {
		path := filepath.Join(dir, strings.TrimSuffix(name, "*"))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(content, "->"); ok {
			if err := os.Symlink(target, path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		mode := fs.FileMode(0o644)
		if strings.HasSuffix(name, "*") {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
}

// read is the inverse of write.
func read(t *testing.T, dir string) files {
	t.Helper()
	found := files{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			found[name] = "->" + target
			return err
		}
		data, err := os.ReadFile(path)
		if info.Mode()&0o100 != 0 {
			name += "*"
		}
		found[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var kubernetes = files{
	"go.mod": "module k8s.io/kubernetes\n", "hack/build.sh*": "#!/bin/sh\n", "pkg/kubelet/kubelet.go": "package kubelet\n",
	"pkg/kubelet.go": "sorts before the folder kubelet/ in git\n", "pkg/kubelet-x": "so does this\n", "pkg/copy.go": "package kubelet\n",
	"vendor/api": "->../staging/api", "staging/api/types.go": strings.Repeat("type Pod struct{}\n", 5000), "empty": "",
}

// tree makes a tree folder with the files in its worktree.
func tree(t *testing.T, content files) (dir, worktree string, store *gittree.Store) {
	t.Helper()
	dir = t.TempDir()
	worktree = filepath.Join(dir, "src")
	if err := os.Mkdir(worktree, 0o755); err != nil {
		t.Fatal(err)
	}
	content.write(t, worktree)
	store, err := gittree.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return dir, worktree, store
}

func snapshot(t *testing.T, store *gittree.Store, worktree string) plumbing.Hash {
	t.Helper()
	id, err := store.Snapshot(t.Context(), worktree, nil)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	programtest.Needs(t, "git", "git")
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// The IDs must be those that git itself gives, and git must find nothing wrong
// with the packfile.
func TestSnapshotAgreesWithGit(t *testing.T) {
	dir, worktree, store := tree(t, kubernetes)
	id := snapshot(t, store, worktree)
	other := t.TempDir()
	kubernetes.write(t, other)
	git(t, other, "init", "-q")
	git(t, other, "add", "-A", "-f", ".")
	if want := git(t, other, "write-tree"); id.String() != want {
		t.Errorf("tree is %s, git says %s", id, want)
	}
	commit, err := store.Commit(id, nil, gittree.CommitText{Subject: "first", Body: "body", When: when})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.SetMain(commit); err != nil {
		t.Fatal(err)
	}
	gitDir := filepath.Join(dir, "git")
	git(t, gitDir, "fsck", "--strict", "--full")
	if got, want := git(t, gitDir, "log", "-1", "--format=%s|%b|%an|%cn|%at|%ct|%T"), "first|body\n|steadylet|steadylet|1610543941|1610543941|"+id.String(); got != want {
		t.Errorf("git log says %q, want %q", got, want)
	}
}

func TestIDsDependOnContentAlone(t *testing.T) {
	ids := map[string]bool{}
	for range 3 {
		_, worktree, store := tree(t, kubernetes)
		id := snapshot(t, store, worktree)
		commit, err := store.Commit(id, []plumbing.Hash{id}, gittree.CommitText{Subject: "s", When: when.In(time.FixedZone("", 3600))})
		if err != nil {
			t.Fatal(err)
		}
		ids[id.String()+commit.String()] = true
	}
	if len(ids) != 1 {
		t.Errorf("the same content has %d different IDs", len(ids))
	}
}

func TestSnapshotRefuses(t *testing.T) {
	for name, make := range map[string]func(worktree string) error{
		"git's own folder": func(worktree string) error { return os.Mkdir(filepath.Join(worktree, ".git"), 0o755) },
		"in other letters": func(worktree string) error { return os.Mkdir(filepath.Join(worktree, ".Git"), 0o755) },
		"named pipe":       func(worktree string) error { return exec.Command("mkfifo", filepath.Join(worktree, "pipe")).Run() },
	} {
		t.Run(name, func(t *testing.T) {
			dir, worktree, store := tree(t, kubernetes)
			if err := make(worktree); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Snapshot(t.Context(), worktree, nil); !errors.Is(err, gittree.ErrPath) {
				t.Errorf("got %v, want ErrPath", err)
			}
			if packs, err := filepath.Glob(filepath.Join(dir, "git/objects/pack/*")); err != nil || len(packs) != 0 {
				t.Errorf("left behind: %v %v", packs, err)
			}
		})
	}
}

func TestEdit(t *testing.T) {
	_, worktree, store := tree(t, kubernetes)
	base := snapshot(t, store, worktree)
	edited, err := store.Edit(base, []gittree.Change{
		{Path: "pkg/kubelet/steadylet/state.go", Data: []byte("package steadylet\n")},
		{Path: "hack/build.sh", Delete: true},
		{Path: "go.mod", Data: []byte("module x\n"), Executable: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Checkout(t.Context(), edited, worktree, nil); err != nil {
		t.Fatal(err)
	}
	want := files{}
	for name, content := range kubernetes {
		want[name] = content
	}
	delete(want, "hack/build.sh*")
	delete(want, "go.mod")
	want["go.mod*"], want["pkg/kubelet/steadylet/state.go"] = "module x\n", "package steadylet\n"
	if diff := cmp.Diff(want, read(t, worktree)); diff != "" {
		t.Errorf("after the edit (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(worktree, "hack")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder is left: %v", err)
	}
	data, executable, err := store.ReadFile(edited, "go.mod")
	if string(data) != "module x\n" || !executable || err != nil {
		t.Errorf("ReadFile: %q %t %v", data, executable, err)
	}
}

func TestEditRefuses(t *testing.T) {
	_, worktree, store := tree(t, kubernetes)
	base := snapshot(t, store, worktree)
	for _, path := range []string{"../x", "/x", "a/../x", ".git/config", "a/.GIT/x", `a\b`, "", ".", "pkg", "go.mod/x", "a//b"} {
		if _, err := store.Edit(base, []gittree.Change{{Path: path, Data: []byte("x")}}); !errors.Is(err, gittree.ErrPath) {
			t.Errorf("%q: got %v, want ErrPath", path, err)
		}
	}
	if _, err := store.Edit(base, []gittree.Change{{Path: "absent", Delete: true}}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("deleting what is absent: got %v, want fs.ErrNotExist", err)
	}
	for _, path := range []string{"absent", "pkg", "vendor/api"} {
		if _, _, err := store.ReadFile(base, path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("reading %q: got %v, want fs.ErrNotExist", path, err)
		}
	}
}
