package workbench_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
	"github.com/steadylet/steadylet/magefiles/internal/workbench"
)

const staged = "staging/src/k8s.io/client-go/util/cert/cert.go"

// release is the published sources of a tiny tag.
func release(t *testing.T, minor int, b string) *source.Published {
	t.Helper()
	root := t.TempDir()
	for name, data := range map[string]string{
		"root/pkg/a.go": "package pkg\n", "root/pkg/b.go": b, "client/util/cert/cert.go": "package cert\n", "client/util/cert/other.go": "package cert\n",
	} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(data), 0o444)); err != nil {
			t.Fatal(err)
		}
	}
	return &source.Published{
		Entry: lock.Entry{Version: kubever.Version{Major: 1, Minor: minor}, Time: time.Unix(1700000000, 0)},
		Root:  filepath.Join(root, "root"), Staging: map[string]string{"k8s.io/client-go": filepath.Join(root, "client")},
	}
}

// create makes a bench of two tags.
func create(t *testing.T) (bench *workbench.Bench, tags []workbench.Point, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "bench")
	releases := []*source.Published{release(t, 30, "package pkg\n\nvar b = 1\n"), release(t, 31, "package pkg\n\nvar b = 2\n")}
	bench, tags, err := workbench.Create(t.Context(), dir, releases, []string{"pkg/a.go", staged, "pkg/absent.go"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bench.Close() })
	return bench, tags, dir
}

func file(text string) *series.File { return &series.File{Data: []byte(text)} }

var ada = series.Author{Name: "Ada Example", Email: "ada@example.org", When: time.Date(2026, time.January, 2, 3, 4, 5, 0, time.FixedZone("", 3600))}

// commits are two patches.
func commits(t *testing.T, bench *workbench.Bench, base workbench.Point) workbench.Point {
	t.Helper()
	one, err := bench.Commit(base, series.Draft{Author: ada, Title: "One", Body: "Why.",
		Files: []series.FileChange{{Path: "pkg/a.go", New: file("package pkg // one\n")}, {Path: staged, New: file("package cert // one\n")}}})
	if err != nil {
		t.Fatal(err)
	}
	two, err := bench.Commit(one, series.Draft{Author: ada, Title: "Two",
		Files: []series.FileChange{{Path: "pkg/new/c.go", New: file("package c\n")}, {Path: "pkg/b.go"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := bench.Move(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	return two
}

// What is committed is read back as patches.
func TestDrafts(t *testing.T) {
	bench, tags, dir := create(t)
	last := commits(t, bench, tags[0])
	drafts, head, err := bench.Drafts(t.Context(), tags[0])
	if err != nil || head != last {
		t.Fatalf("the last commit is %v, %v, want %v", head, err, last)
	}
	want := []series.Draft{
		{Number: 1, Count: 2, Author: ada, Title: "One", Body: "Why.", Files: []series.FileChange{
			{Path: "pkg/a.go", Old: file("package pkg\n"), New: file("package pkg // one\n")},
			{Path: staged, Old: file("package cert\n"), New: file("package cert // one\n")},
		}},
		{Number: 2, Count: 2, Author: ada, Title: "Two", Files: []series.FileChange{
			{Path: "pkg/b.go", Old: file("package pkg\n\nvar b = 1\n")}, {Path: "pkg/new/c.go", New: file("package c\n")},
		}},
	}
	if diff := cmp.Diff(want, drafts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(dir, "src", "staging/src/k8s.io/client-go/util/cert/other.go")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a staging file that nobody asked for is there: %v", err)
	}
	if drafts, _, err := bench.Drafts(t.Context(), tags[1]); !errors.Is(err, gittree.ErrHistory) {
		t.Errorf("the commits are not on the second tag, and %+v, %v are read", drafts, err)
	}
	if _, err := os.Stat(dir + ".unfinished"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was unfinished is left: %v", err)
	}
}

// What a person edits is found, new folders included.
func TestAltered(t *testing.T) {
	bench, tags, dir := create(t)
	last := commits(t, bench, tags[0])
	if altered, err := bench.Altered(last.Tree); err != nil || len(altered) > 0 {
		t.Errorf("nothing was edited, and that gives %v, %v", altered, err)
	}
	src := filepath.Join(dir, "src")
	err := errors.Join(
		os.WriteFile(filepath.Join(src, "pkg", "a.go"), []byte("package pkg // edited\n"), 0o644),
		os.Remove(filepath.Join(src, "pkg", "new", "c.go")),
		os.MkdirAll(filepath.Join(src, "x", "y"), 0o755), os.WriteFile(filepath.Join(src, "x", "y", "z.go"), []byte("package y\n"), 0o644),
	)
	if err != nil {
		t.Fatal(err)
	}
	altered, err := bench.Altered(last.Tree)
	if err != nil {
		t.Fatal(err)
	}
	want := []series.FileChange{
		{Path: "pkg/a.go", Old: file("package pkg // one\n"), New: file("package pkg // edited\n")},
		{Path: "pkg/new/c.go", Old: file("package c\n")},
		{Path: "x/y/z.go", New: file("package y\n")},
	}
	if diff := cmp.Diff(want, altered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(src, "pkg", "link.go")); err != nil {
		t.Fatal(err)
	}
	if altered, err := bench.Altered(last.Tree); err == nil {
		t.Errorf("a link is taken: %v", altered)
	}
}

// Git's own program finds the repository, sees the tags and commits, rebases them, and
// what it makes of them is read.
func TestGit(t *testing.T) {
	programtest.Needs(t, "git", "git")
	bench, tags, dir := create(t)
	last := commits(t, bench, tags[0])
	if err := bench.Branch("old", last); err != nil {
		t.Fatal(err)
	}
	src := filepath.Join(dir, "src")
	git := func(fails bool, arguments ...string) string {
		t.Helper()
		command := exec.Command("git", arguments...)
		command.Dir = src
		command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_EDITOR=true",
			"GIT_COMMITTER_NAME=c", "GIT_COMMITTER_EMAIL=c@localhost")
		out, err := command.CombinedOutput()
		if (err != nil) != fails {
			t.Fatalf("git %q: %v\n%s", arguments, err, out)
		}
		return string(out)
	}
	if status := git(false, "status", "--short"); status != "" {
		t.Errorf("git sees changes:\n%s", status)
	}
	for revision, want := range map[string]string{
		"series": "Two\nOne\nKubernetes v1.30.0\n", "old": "Two\nOne\nKubernetes v1.30.0\n", "v1.31.0": "Kubernetes v1.31.0\nKubernetes v1.30.0\n",
	} {
		if log := git(false, "log", "--format=%s", revision); log != want {
			t.Errorf("git's history of %s is\n%s", revision, log)
		}
	}
	if err := bench.Settled(); err != nil {
		t.Errorf("before the rebase: %v", err)
	}
	git(true, "rebase", "--onto", "v1.31.0", "v1.30.0", "series") // pkg/b.go was changed, and is deleted
	if err := bench.Settled(); !errors.Is(err, workbench.ErrUnfinished) {
		t.Errorf("in the middle of the rebase: %v", err)
	}
	git(false, "rm", "-q", "pkg/b.go")
	git(false, "rebase", "--continue")
	if err := bench.Settled(); err != nil {
		t.Errorf("after the rebase: %v", err)
	}
	again, err := workbench.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	drafts, head, err := again.Drafts(t.Context(), tags[1])
	if err != nil || len(drafts) != 2 {
		t.Fatalf("the drafts are %+v, %v", drafts, err)
	}
	want := series.Draft{Number: 2, Count: 2, Author: ada, Title: "Two",
		Files: []series.FileChange{{Path: "pkg/b.go", Old: file("package pkg\n\nvar b = 2\n")}, {Path: "pkg/new/c.go", New: file("package c\n")}}}
	if diff := cmp.Diff(want, drafts[1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if altered, err := again.Altered(head.Tree); err != nil || len(altered) > 0 {
		t.Errorf("all is committed, and %v, %v is altered", altered, err)
	}
	if err := again.Move(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	if status := git(false, "status", "--short", "--branch"); status != "## series\n" {
		t.Errorf("after a move, git says\n%s", status)
	}
}

// A subject goes on over several lines until the first blank one, as git has it.
func TestMessage(t *testing.T) {
	bench, tags, _ := create(t)
	for title, want := range map[string]string{"One": "One", "One\ntwo": "One two"} {
		change := []series.FileChange{{Path: "pkg/a.go", New: file("package pkg // " + want + "\n")}}
		at, err := bench.Commit(tags[0], series.Draft{Author: ada, Title: title, Body: "Why.\n\nMore.", Files: change})
		if err != nil {
			t.Fatal(err)
		}
		if err := bench.Move(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		drafts, _, err := bench.Drafts(t.Context(), tags[0])
		if err != nil || drafts[0].Title != want || drafts[0].Body != "Why.\n\nMore." {
			t.Errorf("%q: got %+v, %v", title, drafts, err)
		}
	}
}

func TestPointInJSON(t *testing.T) {
	_, tags, _ := create(t)
	base := tags[0]
	data, err := json.Marshal(base)
	if err != nil || !strings.Contains(string(data), `"commit":"`+base.Commit.String()+`"`) {
		t.Fatalf("%s, %v", data, err)
	}
	var again workbench.Point
	if err := json.Unmarshal(data, &again); err != nil || again != base {
		t.Errorf("%v becomes %v, %v", base, again, err)
	}
	if err := json.Unmarshal([]byte(`{"commit":"12","tree":""}`), &again); err == nil {
		t.Error("half an ID is taken")
	}
}
