package gittree_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
)

// Tags and the commits that they point at are known without fetching anything: v1.20.2 is
// a tag object, v1.20.1 names the commit itself.
func TestTags(t *testing.T) {
	repository := serve(t, files{"a": "a\n"})
	for name, location := range repository.locations {
		t.Run(name, func(t *testing.T) {
			tags, err := gittree.Tags(t.Context(), location)
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(tags)
			if diff := cmp.Diff([]string{"v0.1", "v1.19.0", "v1.20.1", "v1.20.2", "v1.20.20"}, tags); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, tag := range []string{"v1.20.1", "v1.20.2"} {
				if commit, err := gittree.TagCommit(t.Context(), location, tag); err != nil || commit.String() != repository.commit {
					t.Errorf("%s points at %s, %v, want %s", tag, commit, err, repository.commit)
				}
			}
			if _, err := gittree.TagCommit(t.Context(), location, "v1.20.3"); !errors.Is(err, gittree.ErrTagNotFound) {
				t.Errorf("an absent tag gives %v", err)
			}
		})
	}
	for _, location := range []string{t.TempDir(), "http://127.0.0.1:1/x.git"} {
		if tags, err := gittree.Tags(context.Background(), location); !errors.Is(err, gittree.ErrUnreachable) || tags != nil {
			t.Errorf("%s has %v, %v", location, tags, err)
		}
	}
}

// A described tree is the one that a snapshot makes, and can be edited without its files.
func TestDescribe(t *testing.T) {
	content := files{"pkg/a.go": "package pkg\n", "pkg/b/c.go": "package b\n", "d": ""}
	folder := t.TempDir()
	content.write(t, folder)
	whole, err := gittree.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	described, err := gittree.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer described.Close()
	got, err := described.Describe(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	want, err := whole.Snapshot(t.Context(), folder, nil)
	if err != nil || got != want {
		t.Fatalf("described as %s, and the snapshot is %s (%v)", got, want, err)
	}
	change := []gittree.Change{{Path: "pkg/a.go", Data: []byte("package pkg // edited\n")}, {Path: "new/e.go", Data: []byte("package e\n")}}
	edited, err := described.Edit(got, change)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := whole.Edit(want, change); err != nil || edited != want {
		t.Errorf("edited it is %s, want %s (%v)", edited, want, err)
	}
	if err := described.Holds(got, "pkg/a.go", []byte("package pkg\n")); err != nil {
		t.Error(err)
	}
	if err := described.Holds(got, "pkg/a.go", []byte("package other\n")); !errors.Is(err, gittree.ErrAltered) {
		t.Errorf("another content gives %v", err)
	}
	paths, err := whole.Diff(t.Context(), want, edited)
	if err != nil || !slices.Equal(paths, []string{"new/e.go", "pkg/a.go"}) {
		t.Errorf("the trees differ at %q, %v", paths, err)
	}
}

// Some files of a snapshot are the tree that a copy of these files is described as: a
// module's files are not executable.
func TestOnly(t *testing.T) {
	content := files{"pkg/a.go": "package pkg\n", "pkg/b/c.go": "package b\n", "staging/d": "d", "run.sh": "#!/bin/sh\n"}
	folder := t.TempDir()
	content.write(t, folder)
	if err := errors.Join(os.Chmod(filepath.Join(folder, "run.sh"), 0o755), os.Symlink("run.sh", filepath.Join(folder, "link"))); err != nil {
		t.Fatal(err)
	}
	store, err := gittree.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	whole, err := store.Snapshot(t.Context(), folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := store.Entries(whole)
	want := []gittree.Entry{{Path: "link", Link: true}, {Path: "pkg/a.go"}, {Path: "pkg/b/c.go"}, {Path: "run.sh"}, {Path: "staging/d"}}
	if diff := cmp.Diff(want, entries); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	part := t.TempDir()
	files{"pkg/a.go": content["pkg/a.go"], "run.sh": content["run.sh"]}.write(t, part)
	described, err := store.Describe(t.Context(), part)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := store.Only(whole, []string{"pkg/a.go", "run.sh"}); err != nil || got != described {
		t.Errorf("got %s, %v; want %s", got, err, described)
	}
	if _, err := store.Only(whole, []string{"absent"}); !errors.Is(err, gittree.ErrPath) {
		t.Errorf("an absent file gives %v", err)
	}
	if !store.Has(whole) || store.Has(plumbing.NewHash("11")) {
		t.Error("what it has and what not is mixed up")
	}
}
