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
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
	"github.com/steadylet/steadylet/magefiles/internal/workbench"
)

const staged = "staging/src/k8s.io/client-go/util/cert/cert.go"

// create makes a bench of a tiny release, with a file of a staging module.
func create(t *testing.T) (bench *workbench.Bench, base workbench.Point, dir string) {
	t.Helper()
	root := t.TempDir()
	for name, data := range map[string]string{
		"root/pkg/a.go": "package pkg\n", "root/pkg/b.go": "package pkg\n\nvar b = 1\n", "client/util/cert/cert.go": "package cert\n", "client/util/cert/other.go": "package cert\n",
	} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(data), 0o444)); err != nil {
			t.Fatal(err)
		}
	}
	published := &source.Published{
		Entry: lock.Entry{Version: kubever.Version{Major: 1, Minor: 30}, Time: time.Unix(1700000000, 0)},
		Root:  filepath.Join(root, "root"), Staging: map[string]string{"k8s.io/client-go": filepath.Join(root, "client")},
	}
	dir = filepath.Join(t.TempDir(), "bench")
	bench, base, err := workbench.Create(t.Context(), dir, published, []string{"pkg/a.go", staged, "pkg/absent.go"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bench.Close() })
	return bench, base, dir
}

func file(text string) *series.File { return &series.File{Data: []byte(text)} }

// commits are two patches.
func commits(t *testing.T, bench *workbench.Bench, base workbench.Point) workbench.Point {
	t.Helper()
	one, err := bench.Commit(base, []series.FileChange{{Path: "pkg/a.go", New: file("package pkg // one\n")}, {Path: staged, New: file("package cert // one\n")}}, "One", "Why.")
	if err != nil {
		t.Fatal(err)
	}
	two, err := bench.Commit(one, []series.FileChange{{Path: "pkg/new/c.go", New: file("package c\n")}, {Path: "pkg/b.go"}}, "Two", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(bench.Checkout(t.Context(), two.Tree), bench.Attach(two.Tree)); err != nil {
		t.Fatal(err)
	}
	return two
}

// What is committed is read back as patches.
func TestDrafts(t *testing.T) {
	bench, base, dir := create(t)
	last := commits(t, bench, base)
	drafts, head, err := bench.Drafts(t.Context(), base)
	if err != nil || head != last {
		t.Fatalf("the last commit is %v, %v, want %v", head, err, last)
	}
	want := []series.Draft{
		{Number: 1, Count: 2, Title: "One", Body: "Why.", Files: []series.FileChange{
			{Path: "pkg/a.go", Old: file("package pkg\n"), New: file("package pkg // one\n")},
			{Path: staged, Old: file("package cert\n"), New: file("package cert // one\n")},
		}},
		{Number: 2, Count: 2, Title: "Two", Files: []series.FileChange{
			{Path: "pkg/b.go", Old: file("package pkg\n\nvar b = 1\n")}, {Path: "pkg/new/c.go", New: file("package c\n")},
		}},
	}
	if diff := cmp.Diff(want, drafts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(dir, "src", "staging/src/k8s.io/client-go/util/cert/other.go")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a staging file that nobody asked for is there: %v", err)
	}
	if _, err := os.Stat(dir + ".unfinished"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was unfinished is left: %v", err)
	}
}

// What a person edits is found, new folders included.
func TestAltered(t *testing.T) {
	bench, base, dir := create(t)
	last := commits(t, bench, base)
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

// Git's own program sees the worktree, and what it commits becomes a patch.
func TestGit(t *testing.T) {
	programtest.Needs(t, "git", "git")
	bench, base, dir := create(t)
	commits(t, bench, base)
	git := func(arguments ...string) string {
		t.Helper()
		command := exec.Command("git", append([]string{"--git-dir=" + bench.Repository()}, arguments...)...)
		command.Dir = t.TempDir()
		command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@localhost", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@localhost")
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", arguments, err, out)
		}
		return string(out)
	}
	if status := git("status", "--short"); status != "" {
		t.Errorf("git sees changes:\n%s", status)
	}
	if log := git("log", "--format=%s"); log != "Two\nOne\nKubernetes v1.30.0\n" {
		t.Errorf("git's history is\n%s", log)
	}
	if err := os.WriteFile(filepath.Join(dir, "src", "pkg", "a.go"), []byte("package pkg // amended\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	git("commit", "-q", "-a", "--amend", "-m", "Two, amended")
	again, err := workbench.Open(dir, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	drafts, head, err := again.Drafts(t.Context(), base)
	if err != nil || len(drafts) != 2 || drafts[1].Title != "Two, amended" || !strings.Contains(string(drafts[1].Files[0].New.Data), "amended") {
		t.Errorf("the drafts are %+v, %v", drafts, err)
	}
	if altered, err := again.Altered(head.Tree); err != nil || len(altered) > 0 {
		t.Errorf("all is committed, and %v, %v is altered", altered, err)
	}
}

func TestPointInJSON(t *testing.T) {
	_, base, _ := create(t)
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
