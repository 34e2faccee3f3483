package source_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/source"
	"github.com/steadylet/steadylet/magefiles/internal/workspace"
)

// kubelet is the file that makes a folder a Kubernetes tree.
const kubelet = "pkg/kubelet/kuberuntime/kuberuntime_manager.go"

// session fetches several times into one workspace.
type session struct {
	t     *testing.T
	space *workspace.Workspace
	said  bytes.Buffer
	// wants is what every request asks for.
	wants       source.Request
	environment []string
}

func newSession(t *testing.T, wants source.Request) *session {
	t.Helper()
	space, err := workspace.Acquire(filepath.Join(t.TempDir(), ".steadylet"), t.Name(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { space.Release() })
	return &session{t: t, space: space, wants: wants, environment: os.Environ()}
}

func (s *session) fetch() (*source.Tree, error) {
	s.said.Reset()
	fetcher := source.Fetcher{Environment: s.environment, Progress: progress.New(&s.said, false)}
	return fetcher.Fetch(s.t.Context(), s.space, s.wants)
}

func (s *session) mustFetch() *source.Tree {
	s.t.Helper()
	tree, err := s.fetch()
	if err != nil {
		s.t.Fatal(err)
	}
	return tree
}

// folder is a tree with two files and a link.
func folder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "kubernetes")
	write(t, filepath.Join(dir, kubelet), "package kuberuntime\n")
	write(t, filepath.Join(dir, "run.sh"), "#!/bin/sh\n")
	if err := os.Symlink("run.sh", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// repository is a folder that is a git checkout.
func repository(t *testing.T) string {
	t.Helper()
	dir := folder(t)
	write(t, filepath.Join(dir, ".gitignore"), "_output/\n")
	gitIn(t, dir, "init", "-q", "-b", "main")
	commitAll(t, dir, "first")
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=test", "-c", "user.email=test@localhost"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func commitAll(t *testing.T, dir, message string) {
	t.Helper()
	gitIn(t, dir, "add", "-A")
	gitIn(t, dir, "commit", "-q", "--allow-empty", "-m", message)
}

// changes are what a person does to a folder. The edit keeps the size of the file, and its
// modification time.
var changes = map[string]func(dir string) error{
	"edited": func(dir string) error {
		path := filepath.Join(dir, kubelet)
		info, err := os.Stat(path)
		return errors.Join(err, os.WriteFile(path, []byte("package kuberuntimE\n"), 0o644), os.Chtimes(path, info.ModTime(), info.ModTime()))
	},
	"executable":   func(dir string) error { return os.Chmod(filepath.Join(dir, "run.sh"), 0o755) },
	"removed":      func(dir string) error { return os.Remove(filepath.Join(dir, "run.sh")) },
	"another link": func(dir string) error { return relink(dir, "pkg/..") },
	"renamed": func(dir string) error {
		return os.Rename(filepath.Join(dir, "run.sh"), filepath.Join(dir, "ran.sh"))
	},
}

func relink(dir, to string) error {
	return errors.Join(os.Remove(filepath.Join(dir, "link")), os.Symlink(to, filepath.Join(dir, "link")))
}

// An edit is taken, whichever it is; a folder as it was is not copied again.
func TestFolderThatChanged(t *testing.T) {
	for kind, test := range map[string]struct {
		make       func(t *testing.T) string
		allowDirty bool
		commit     bool
	}{
		"plain":      {folder, false, false},
		"committed":  {repository, false, true},
		"allowDirty": {repository, true, false},
	} {
		for name, change := range changes {
			t.Run(kind+", "+name, func(t *testing.T) {
				dir := test.make(t)
				wants := request(dir)
				wants.Kind, wants.AllowDirty = source.Dir, test.allowDirty
				s := newSession(t, wants)
				before := s.mustFetch()
				if again := s.mustFetch(); !again.Cached || again.TreeID != before.TreeID {
					t.Errorf("a folder as it was gives %s, cached %t; want %s from before", again.TreeID, again.Cached, before.TreeID)
				}
				if err := change(dir); err != nil {
					t.Fatal(err)
				}
				if test.commit {
					if _, err := s.fetch(); !errors.Is(err, source.ErrDirty) {
						t.Errorf("before the commit: got %v, want ErrDirty", err)
					}
					commitAll(t, dir, "second")
				}
				after := s.mustFetch()
				if after.Cached || after.TreeID == before.TreeID || after.Key == before.Key || after.Dir != before.Dir {
					t.Errorf("cached %t, tree %s in %s; want another than %s in the same folder", after.Cached, after.TreeID, after.Dir, before.TreeID)
				}
				if test.commit && after.Origin.Commit != gitIn(t, dir, "rev-parse", "HEAD") {
					t.Errorf("commit %s", after.Origin.Commit)
				}
				out, err := exec.Command("diff", "-r", "--no-dereference", "-x", ".git", dir, after.Worktree).CombinedOutput()
				if err != nil {
					t.Errorf("the copy differs: %s", out)
				}
			})
		}
	}
}

// What a folder had before is not taken for what it has, also when it has that again.
func TestFolderThatChangedBack(t *testing.T) {
	dir := repository(t)
	wants := request(dir)
	wants.Kind = source.Dir
	s := newSession(t, wants)
	first := s.mustFetch()
	write(t, filepath.Join(dir, kubelet), "package second\n")
	commitAll(t, dir, "second")
	s.mustFetch()
	gitIn(t, dir, "checkout", "-q", "HEAD~1")
	back := s.mustFetch()
	data, err := os.ReadFile(filepath.Join(back.Worktree, kubelet))
	if err != nil || string(data) != "package kuberuntime\n" || back.TreeID != first.TreeID || back.Origin.Commit != first.Origin.Commit {
		t.Errorf("%v: %q, tree %s, commit %s; want those of %+v", err, data, back.TreeID, back.Origin.Commit, first.Origin)
	}
	gitIn(t, dir, "commit", "-q", "--allow-empty", "-m", "the same files")
	if empty := s.mustFetch(); empty.Origin.Commit != gitIn(t, dir, "rev-parse", "HEAD") {
		t.Errorf("of a commit with the same files it names commit %s", empty.Origin.Commit)
	}
	if trees, err := os.ReadDir(filepath.Join(s.space.Dir(), "trees")); err != nil || len(trees) != 1 {
		t.Errorf("an edit leaves the earlier tree: %v %v", trees, err)
	}
}

// Files that git ignores are neither copied nor named, those that it does not know are
// named; with AllowDirty both are copied.
func TestUntrackedFiles(t *testing.T) {
	dir := repository(t)
	write(t, filepath.Join(dir, "_output", "built"), "")
	write(t, filepath.Join(dir, "pkg", "kubelet", "new.go"), "package kubelet\n")
	wants := request(dir)
	wants.Kind = source.Dir
	s := newSession(t, wants)
	for range 2 { // the second time from the workspace
		tree := s.mustFetch()
		if said := s.said.String(); !strings.Contains(said, "git does not track pkg/kubelet/new.go: ") || strings.Contains(said, "_output") {
			t.Errorf("it says %q", said)
		}
		for _, name := range []string{"_output/built", "pkg/kubelet/new.go"} {
			if _, err := os.Stat(filepath.Join(tree.Worktree, name)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is copied: %v", name, err)
			}
		}
	}
	s.wants.AllowDirty = true
	tree := s.mustFetch()
	for _, name := range []string{"_output/built", "pkg/kubelet/new.go"} {
		if _, err := os.Stat(filepath.Join(tree.Worktree, name)); err != nil {
			t.Errorf("with -allowDirty %s is not copied: %v", name, err)
		}
	}
	if strings.Contains(s.said.String(), "does not track") {
		t.Errorf("with -allowDirty it says %q", s.said.String())
	}
}

// A linked worktree has its own commit; with a broken .git it is not taken for a folder
// without git.
func TestLinkedWorktree(t *testing.T) {
	main := repository(t)
	linked := filepath.Join(filepath.Dir(main), "linked")
	gitIn(t, main, "worktree", "add", "-q", "-b", "side", linked)
	write(t, filepath.Join(linked, kubelet), "package linked\n")
	wants := request(linked)
	wants.Kind = source.Dir
	s := newSession(t, wants)
	if _, err := s.fetch(); !errors.Is(err, source.ErrDirty) {
		t.Errorf("got %v, want ErrDirty", err)
	}
	commitAll(t, linked, "in the linked worktree")
	s.wants.Commit = gitIn(t, linked, "rev-parse", "HEAD")
	tree := s.mustFetch()
	if data, err := os.ReadFile(filepath.Join(tree.Worktree, kubelet)); err != nil || string(data) != "package linked\n" || !tree.Origin.Verified {
		t.Errorf("%v: %q, %+v", err, data, tree.Origin)
	}
	if err := os.Rename(main, main+".moved"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.fetch(); err == nil || !strings.Contains(err.Error(), linked+": its .git leads to no repository") {
		t.Errorf("without its repository: %v", err)
	}
}

// Where git is told not to look at modes, they are those that are committed.
func TestCheckoutWithoutModes(t *testing.T) {
	dir := repository(t)
	gitIn(t, dir, "config", "core.fileMode", "false")
	if err := os.Chmod(filepath.Join(dir, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	wants := request(dir)
	wants.Kind, wants.Commit = source.Dir, gitIn(t, dir, "rev-parse", "HEAD")
	tree := newSession(t, wants).mustFetch()
	if info, err := os.Stat(filepath.Join(tree.Worktree, "run.sh")); err != nil || info.Mode().Perm() != 0o644 || !tree.Origin.Verified {
		t.Errorf("%v %v, %+v", info, err, tree.Origin)
	}
}

// writer does something once, when a text is written.
type writer struct {
	at string
	do func()
}

func (w *writer) Write(text []byte) (int, error) {
	if strings.Contains(string(text), w.at) && w.do != nil {
		do := w.do
		w.do = nil
		do()
	}
	return len(text), nil
}

// What is changed while it is copied is refused, and not kept.
func TestFolderThatChangesMeanwhile(t *testing.T) {
	dir := repository(t)
	wants := request(dir)
	wants.Kind = source.Dir
	s := newSession(t, wants)
	out := &writer{"copy: started", func() { write(t, filepath.Join(dir, "run.sh"), "#!/bin/sh -e\n") }}
	fetcher := source.Fetcher{Environment: os.Environ(), Progress: progress.New(out, false)}
	if _, err := fetcher.Fetch(t.Context(), s.space, wants); err == nil || !strings.Contains(err.Error(), dir+" was changed while it was read") {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"tmp", "trees", "steps/source"} {
		if left, err := os.ReadDir(filepath.Join(s.space.Dir(), name)); err == nil && len(left) != 0 {
			t.Errorf("left behind in %s: %v", name, left)
		}
	}
}
