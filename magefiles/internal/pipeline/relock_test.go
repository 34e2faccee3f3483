package pipeline

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/gittree/gittreetest"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// A tag that was moved is refused, with what it was and what it is.
func TestUnmoved(t *testing.T) {
	entry := func(commit, sum string) lock.Entry {
		return lock.Entry{
			Version: kubever.Version{Major: 1, Minor: 36, Patch: 3}, Commit: commit, GoSum: "k8s.io/kubernetes v1.36.3 h1:" + sum + "=\n",
		}
	}
	for name, test := range map[string]struct {
		known, now lock.Entry
		says       []string // none: accepted
	}{
		"equal":            {entry("c1", "s1"), entry("c1", "s1"), nil},
		"another commit":   {entry("c1", "s1"), entry("c2", "s1"), []string{"the commit of tag v1.36.3", "want c1", "got  c2"}},
		"another content":  {entry("c1", "s1"), entry("c1", "s2"), []string{"the root module of v1.36.3", "want h1:s1=", "got  h1:s2="}},
		"commit unknown":   {entry("", "s1"), entry("c2", "s1"), nil},
		"commit not said":  {entry("c1", "s1"), entry("", "s1"), nil},
		"neither, content": {entry("", "s1"), entry("", "s2"), []string{"h1:s1=", "h1:s2="}},
	} {
		t.Run(name, func(t *testing.T) {
			err := unmoved(test.known, test.now)
			if (err == nil) != (test.says == nil) || err != nil && !errors.Is(err, source.ErrMismatch) {
				t.Fatalf("got %v", err)
			}
			for _, part := range test.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not say %q: %v", part, err)
				}
			}
		})
	}
}

// The tag of the lock's repository has to point where the module proxy says; the error has
// both commit IDs. A repository that does not answer leaves what is known.
func TestAskRemote(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "from"), 0o755); err != nil {
		t.Fatal(err)
	}
	bare := filepath.Join(dir, "kubernetes.git")
	commit, err := gittreetest.MakeRepository(t.Context(), filepath.Join(dir, "from"), bare, "v1.36.3")
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Repeat("ab", 20)
	for name, test := range map[string]struct {
		git, known, want string // no want: refused
	}{
		"not known":        {bare, "", commit},
		"equal":            {bare, commit, commit},
		"moved":            {bare, other, ""},
		"no repository":    {filepath.Join(dir, "none"), other, other},
		"tag not in there": {bare, other, other},
	} {
		t.Run(name, func(t *testing.T) {
			p := &Pipeline{lock: &lock.File{Git: test.git}, progress: progress.New(io.Discard, false)}
			entry := lock.Entry{Version: kubever.Version{Major: 1, Minor: 36, Patch: 3}, Commit: test.known}
			if name == "tag not in there" {
				entry.Version.Patch = 4
			}
			err := p.askRemote(t.Context(), &entry)
			if test.want != "" {
				if err != nil || entry.Commit != test.want {
					t.Errorf("got %s, %v, want %s", entry.Commit, err, test.want)
				}
				return
			}
			if !errors.Is(err, source.ErrMismatch) || !strings.Contains(err.Error(), commit) || !strings.Contains(err.Error(), other) {
				t.Errorf("a moved tag gives %v", err)
			}
		})
	}
}

// The commit of the repository is known in a linked worktree too.
func TestRepositoryInALinkedWorktree(t *testing.T) {
	main := filepath.Join(t.TempDir(), "main")
	if err := os.MkdirAll(main, 0o755); err != nil {
		t.Fatal(err)
	}
	commit, err := gittreetest.MakeRepository(t.Context(), main, filepath.Join(t.TempDir(), "bare.git"), "v1")
	if err != nil {
		t.Fatal(err)
	}
	linked := filepath.Join(filepath.Dir(main), "linked")
	if out, err := exec.Command("git", "-C", main, "worktree", "add", "-q", "-b", "side", linked).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, root := range []string{main, linked} {
		p := &Pipeline{config: Config{Root: root}}
		if got, err := p.repository(); err != nil || got.Commit != commit || got.Dirty {
			t.Errorf("%s: got %+v, %v; want commit %s", root, got, err, commit)
		}
	}
}
