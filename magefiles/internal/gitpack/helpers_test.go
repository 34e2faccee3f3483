package gitpack_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-git/v5/plumbing/format/idxfile"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/gitpack"
)

// collector is a Visitor that keeps everything, by kind and ID.
type collector struct {
	mutex     sync.Mutex
	contents  map[string]string
	completed int
	// refuse, where it is set, is the error for the first object.
	refuse error
}

func (c *collector) Visit(_ int, object gitpack.Object) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.contents == nil {
		c.contents = map[string]string{}
	}
	c.contents[object.Kind.String()+" "+object.ID.String()] = string(object.Content)
	return c.refuse
}

func (c *collector) Complete(*idxfile.MemoryIndex) error {
	c.completed++
	return nil
}

func git(t testing.TB, dir, stdin string, args ...string) string {
	t.Helper()
	programtest.Needs(t, "git", "git")
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@localhost", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@localhost")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// repository makes one with chains of deltas, large and empty files and links.
func repository(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	git(t, dir, "", "init", "-q")
	random := rand.New(rand.NewPCG(1, 2))
	lines := make([]string, 3000)
	for i := range lines {
		lines[i] = fmt.Sprintf("line %d %x\n", i, random.Uint64())
	}
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 60 {
		lines[random.IntN(len(lines))] = "changed\n"
		write(fmt.Sprintf("pkg/f%d/similar.go", i), strings.Join(lines, ""))
		write(fmt.Sprintf("pkg/f%d/own.go", i), fmt.Sprint(random.Uint64()))
	}
	write("large", strings.Repeat("twenty bytes a line\n", 1<<20))
	write("empty", "")
	if err := os.Symlink("pkg/f1", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "", "add", "-A")
	git(t, dir, "", "commit", "-q", "-m", "first")
	git(t, dir, "", "tag", "-a", "-m", "tag", "v1")
	return dir
}

// objects are what git itself says is in a repository.
func objects(t testing.TB, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for line := range strings.Lines(git(t, dir, "", "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)")) {
		line = strings.TrimSpace(line)
		kind, id, _ := strings.Cut(line, " ")
		found[line] = git(t, dir, "", "cat-file", kind, id)
	}
	return found
}

// pack makes git write a packfile of everything.
func pack(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	args = append([]string{"pack-objects", "-q", "--all", "--revs", "--stdout"}, args...)
	return []byte(git(t, dir, "", args...))
}

// folder is where packfiles go, in an empty repository.
func folder(t testing.TB) (repository, packs string) {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "", "init", "-q", "--bare", ".")
	return dir, filepath.Join(dir, "objects", "pack")
}

func assertNothingLeft(t testing.TB, packs string) {
	t.Helper()
	left, err := os.ReadDir(packs)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
