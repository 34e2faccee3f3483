package gittree_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
)

// TestMain lets the test binary be the process that is killed in the middle of
// its work.
func TestMain(m *testing.M) {
	dir := os.Getenv("STEADYLET_TEST_TREE")
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := works[os.Getenv("STEADYLET_TEST_WORK")](dir, os.Getenv("STEADYLET_TEST_LOCATION")); err != nil {
		panic(err)
	}
}

// works are what is interrupted. Each fills dir/src.
var works = map[string]func(dir, location string) error{
	"snapshot and checkout": func(dir, location string) error {
		store, worktree, err := openTree(dir)
		if err != nil {
			return err
		}
		id, err := store.Snapshot(context.Background(), location, nil)
		if err == nil {
			_, err = store.Checkout(context.Background(), id, worktree, nil)
		}
		return errors.Join(err, store.Close())
	},
	"fetch": func(dir, location string) error {
		store, worktree, err := openTree(dir)
		if err != nil {
			return err
		}
		_, err = fetch(context.Background(), store, location, "v1.20.2", worktree)
		return errors.Join(err, store.Close())
	},
}

func openTree(dir string) (store *gittree.Store, worktree string, err error) {
	worktree = filepath.Join(dir, "src")
	if err := os.MkdirAll(worktree, 0o755); err != nil {
		return nil, "", err
	}
	store, err = gittree.Open(dir)
	return store, worktree, err
}

// Killed at whatever point, the next run ends with the same result, and leaves
// nothing else.
func TestKilledAtAnyPoint(t *testing.T) {
	content := files{}
	for i := range 400 {
		name := filepath.Join("pkg", fmt.Sprint(i%20), fmt.Sprint(i))
		content[name] = string(bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 20_000))
	}
	repository := serve(t, content)
	from := filepath.Join(t.TempDir(), "from")
	content.write(t, from)
	for name, test := range map[string]struct{ work, location string }{
		"snapshot and checkout": {"snapshot and checkout", from},
		"fetch from a folder":   {"fetch", repository.locations["folder"]},
		"fetch over HTTP":       {"fetch", repository.locations["http"]},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for delay := time.Millisecond; delay < 200*time.Millisecond; delay += delay/3 + time.Millisecond {
				process := exec.Command(os.Args[0])
				process.Env = append(os.Environ(),
					"STEADYLET_TEST_TREE="+dir, "STEADYLET_TEST_WORK="+test.work, "STEADYLET_TEST_LOCATION="+test.location)
				if err := process.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(delay)
				_ = process.Process.Kill()
				_ = process.Wait()
			}
			if err := works[test.work](dir, test.location); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(content, read(t, filepath.Join(dir, "src"))); diff != "" {
				t.Error("the worktree is not what was stored")
			}
			gitDir := filepath.Join(dir, "git")
			git(t, gitDir, "fsck", "--full")
			if left, err := filepath.Glob(filepath.Join(gitDir, "objects/pack/tmp_*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
			assertTidy(t, dir)
		})
	}
}
