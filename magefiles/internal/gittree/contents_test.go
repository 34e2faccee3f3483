package gittree_test

import (
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
)

// The tree of a folder's contents is the one that Snapshot stores, whatever the order.
func TestTreeIDOfContents(t *testing.T) {
	_, worktree, store := tree(t, kubernetes)
	want := snapshot(t, store, worktree)
	paths, err := store.Paths(want)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(paths)
	contents, err := gittree.Contents(t.Context(), worktree, paths)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := gittree.TreeID(contents); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

// A path without a file is told from one that has one, and no pipe is waited for.
func TestContentsOfNoFile(t *testing.T) {
	worktree := t.TempDir()
	files{"file": "x", "run*": "x", "link": "->file", "folder/file": "x"}.write(t, worktree)
	if err := syscall.Mkfifo(filepath.Join(worktree, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	want := map[string]filemode.FileMode{
		"file": filemode.Regular, "run": filemode.Executable, "link": filemode.Symlink,
		"folder": filemode.Empty, "pipe": filemode.Empty, "none": filemode.Empty, "file/below": filemode.Empty,
	}
	var paths []string
	for path := range want {
		paths = append(paths, path)
	}
	contents, err := gittree.Contents(t.Context(), worktree, paths)
	got := map[string]filemode.FileMode{}
	for _, content := range contents {
		got[content.Path] = content.Mode
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v; modes (-want +got):\n%s", err, diff)
	}
}
