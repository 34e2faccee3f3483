package source

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/programtest"
)

// makeCheckout makes a git checkout with the real git: one committed file, one
// executable, one link.
func makeCheckout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file.go"), []byte("package k\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "run.sh"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file.go", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	runGit(t, dir, "init", "-q")
	runGit(t, dir, "add", ".")
	commit(t, dir, "first")
	return dir
}

func commit(t *testing.T, dir, message string) {
	t.Helper()
	runGit(t, dir, "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-q", "--allow-empty", "-am", message)
}

// copyFolder does with a folder what Fetch does.
func copyFolder(ctx context.Context, request Request, to string) (origin Origin, err error) {
	request.Kind = Dir
	if request.checkout, err = readCheckout(ctx, request); err != nil {
		return Origin{}, err
	}
	return fetcher().fetchDir(ctx, request, to)
}

func runGit(t *testing.T, dir string, args ...string) string {
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

func TestFetchDirCopiesTrackedFilesOnly(t *testing.T) {
	from := makeCheckout(t)
	if err := os.WriteFile(filepath.Join(from, "untracked"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	origin, err := copyFolder(t.Context(), Request{Location: from}, to)
	if err != nil {
		t.Fatal(err)
	}
	if want := runGit(t, from, "rev-parse", "HEAD"); origin.Commit != want || origin.Verified {
		t.Errorf("origin is %+v, want commit %s, unverified", origin, want)
	}
	if _, err := os.Stat(filepath.Join(to, "untracked")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an untracked file was copied: %v", err)
	}
	if link, err := os.Readlink(filepath.Join(to, "link")); err != nil || link != "file.go" {
		t.Errorf("the link became %q: %v", link, err)
	}
	if info, err := os.Stat(filepath.Join(to, "run.sh")); err != nil || info.Mode().Perm()&0o100 == 0 {
		t.Errorf("the executable bit is lost: %v %v", info, err)
	}
}

func TestCheckoutOfAnotherCommitIsRefused(t *testing.T) {
	from, to := makeCheckout(t), t.TempDir()
	head := runGit(t, from, "rev-parse", "HEAD")
	for name, request := range map[string]Request{
		"another commit": {Commit: strings.Repeat("1", 40)},
		"nobody knows":   {Commit: head, AllowDirty: true},
	} {
		request.Location = from
		if _, err := copyFolder(t.Context(), request, to); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s: got %v, want ErrMismatch", name, err)
		}
		wantEmpty(t, to)
	}
	origin, err := copyFolder(t.Context(), Request{Location: from, Commit: head}, to)
	want := Origin{
		Kind: Dir, Location: from, Commit: head, Verified: true,
		Proofs: []string{"the checkout is at the commit ID given on the command line, and every file that was copied is as in that commit"},
	}
	if diff := cmp.Diff(want, origin); err != nil || diff != "" {
		t.Errorf("%v; origin (-want +got):\n%s", err, diff)
	}
}

func TestDirtyCheckoutIsRefused(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"changed": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "file.go"), []byte("package x\n"), 0o644)
		},
		"removed": func(dir string) error { return os.Remove(filepath.Join(dir, "file.go")) },
		"now a link": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "file.go")), os.Symlink("run.sh", filepath.Join(dir, "file.go")))
		},
		"executable": func(dir string) error { return os.Chmod(filepath.Join(dir, "file.go"), 0o755) },
		"staged, and back": func(dir string) error {
			path := filepath.Join(dir, "file.go")
			err := os.WriteFile(path, []byte("package staged\n"), 0o644)
			cmd := exec.Command("git", "add", "file.go")
			cmd.Dir = dir
			return errors.Join(err, cmd.Run(), os.WriteFile(path, []byte("package k\n"), 0o644))
		},
		"staged": func(dir string) error {
			err := os.WriteFile(filepath.Join(dir, "file.go"), []byte("package staged\n"), 0o644)
			cmd := exec.Command("git", "add", "file.go")
			cmd.Dir = dir
			return errors.Join(err, cmd.Run())
		},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := makeCheckout(t), t.TempDir()
			if err := change(from); err != nil {
				t.Fatal(err)
			}
			_, err := copyFolder(t.Context(), Request{Location: from}, to)
			if !errors.Is(err, ErrDirty) || !strings.Contains(err.Error(), ": file.go; commit them, or pass -allowDirty ") {
				t.Errorf("got %v, want ErrDirty that names file.go and -allowDirty", err)
			}
			wantEmpty(t, to)
			origin, err := copyFolder(t.Context(), Request{Location: from, AllowDirty: true}, to)
			if err != nil || origin.Commit != "" || origin.Verified {
				t.Errorf("with -allowDirty: %+v %v; want no commit, unverified", origin, err)
			}
		})
	}
}

func TestDirWithALinkThatEscapes(t *testing.T) {
	from := t.TempDir()
	if err := os.Symlink("../../etc/passwd", filepath.Join(from, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := copyFolder(t.Context(), Request{Location: from}, t.TempDir()); !errors.Is(err, ErrUnsafe) {
		t.Errorf("got %v, want ErrUnsafe", err)
	}
}
