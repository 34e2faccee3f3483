package source

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The files that git does not track are those that git itself names.
func TestUntrackedIsWhatGitSays(t *testing.T) {
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	from := makeCheckout(t)
	for name, text := range map[string]string{
		".gitignore":        "# made\n/_output/\n*.tmp\n!keep.tmp\nzz_*.go\n",
		"pkg/.gitignore":    "local\n",
		".git/info/exclude": "*.swp\n",
		"_output/bin/k":     "", "a.tmp": "", "keep.tmp": "", "pkg/zz_made.go": "", "pkg/new.go": "", "pkg/deep/er/new.go": "",
		"pkg/local/x": "", "local/x": "", "x.swp": "", "_output.go": "",
	} {
		path := filepath.Join(from, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(from, "empty", "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	checkout, err := readCheckout(t.Context(), Request{Kind: Dir, Location: from})
	if err != nil {
		t.Fatal(err)
	}
	got, err := untracked(os.DirFS(from), checkout.files)
	slices.Sort(got)
	want := strings.Split(runGit(t, from, "ls-files", "--others", "--exclude-standard"), "\n")
	if diff := cmp.Diff(want, got); err != nil || diff != "" || len(want) < 5 {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// What can't be a checkout is not taken for a plain folder, nor for a clean one.
func TestCheckoutThatIsNone(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, dir string) error
		is    error
		says  string
	}{
		"nothing committed": {func(t *testing.T, dir string) error {
			err := os.RemoveAll(filepath.Join(dir, ".git"))
			runGit(t, dir, "init", "-q")
			return err
		}, nil, "nothing is committed there"},
		".git leads nowhere": {func(_ *testing.T, dir string) error {
			git := filepath.Join(dir, ".git")
			return errors.Join(os.RemoveAll(git), os.WriteFile(git, []byte("gitdir: /nonexistent\n"), 0o644))
		}, nil, "its .git leads to no repository"},
		".git is empty": {func(_ *testing.T, dir string) error {
			git := filepath.Join(dir, ".git")
			return errors.Join(os.RemoveAll(git), os.Mkdir(git, 0o755))
		}, nil, "its .git leads to no repository"},
		"a commit under another's ID": {func(t *testing.T, dir string) error {
			id := runGit(t, dir, "rev-parse", "HEAD")
			text := strings.Replace(runGit(t, dir, "cat-file", "commit", "HEAD"), "first", "other", 1)
			var packed bytes.Buffer
			writer := zlib.NewWriter(&packed)
			fmt.Fprintf(writer, "commit %d\x00%s", len(text), text)
			path := filepath.Join(dir, ".git", "objects", id[:2], id[2:])
			return errors.Join(writer.Close(), os.Remove(path), os.WriteFile(path, packed.Bytes(), 0o444))
		}, ErrMismatch, "the content of the checkout's commit"},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := makeCheckout(t), t.TempDir()
			if err := test.spoil(t, from); err != nil {
				t.Fatal(err)
			}
			_, err := copyFolder(t.Context(), Request{Location: from}, to)
			if err == nil || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
			wantEmpty(t, to)
			if _, err := copyFolder(t.Context(), Request{Location: from, AllowDirty: true}, to); err != nil {
				t.Errorf("with -allowDirty: %v", err)
			}
		})
	}
}
