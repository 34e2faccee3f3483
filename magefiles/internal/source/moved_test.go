package source_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/gittree/gittreetest"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// tarball packs a Kubernetes tree of one file, and returns its digest too.
func tarball(t *testing.T, text string) (data []byte, digest string) {
	t.Helper()
	var packed bytes.Buffer
	compressed := gzip.NewWriter(&packed)
	archive := tar.NewWriter(compressed)
	err := archive.WriteHeader(&tar.Header{Name: "k/" + kubelet, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))})
	if err == nil {
		_, err = archive.Write([]byte(text))
	}
	if err = errors.Join(err, archive.Close(), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(packed.Bytes())
	return packed.Bytes(), hex.EncodeToString(sum[:])
}

// A tarball is held against its digest in every run, and unpacked once.
func TestArchiveThatChanged(t *testing.T) {
	first, firstDigest := tarball(t, "package first\n")
	second, secondDigest := tarball(t, "package second\n")
	third, thirdDigest := tarball(t, "package third\n")
	path := filepath.Join(t.TempDir(), "kubernetes.tar.gz")
	wants := request(path)
	wants.Kind = source.Archive
	wants.Entry.Archives = []lock.Archive{{Name: "first", SHA256: firstDigest}, {Name: "second", SHA256: secondDigest}}
	s := newSession(t, wants)
	for _, step := range []struct {
		name   string
		data   []byte // none: removed
		sha256 string // that of the command line
		cached bool
		want   string // none: refused
		is     error
	}{
		{"the first", first, "", false, "package first\n", nil},
		{"the first again", first, "", true, "package first\n", nil},
		{"another of the lock", second, "", false, "package second\n", nil},
		{"one that nobody knows", third, "", false, "", source.ErrMismatch},
		{"one that the person knows", third, thirdDigest, false, "package third\n", nil},
		{"another than the person says", second, thirdDigest, false, "", source.ErrMismatch},
		{"back to the first", first, "", false, "package first\n", nil},
		{"none", nil, "", false, "", os.ErrNotExist},
	} {
		t.Run(step.name, func(t *testing.T) {
			err := os.Remove(path)
			if step.data != nil {
				err = os.WriteFile(path, step.data, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			s.wants.SHA256 = step.sha256
			tree, err := s.fetch()
			if step.want == "" {
				if !errors.Is(err, step.is) || !strings.Contains(err.Error(), path) {
					t.Errorf("got %v, want %v that names the file", err, step.is)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join(tree.Worktree, kubelet))
			if err != nil || string(data) != step.want || tree.Cached != step.cached || !tree.Origin.Verified {
				t.Errorf("%v: %q, cached %t, want %q, %t", err, data, tree.Cached, step.want, step.cached)
			}
		})
	}
}

// bare makes a bare repository, in which tag v1.36.3 has a file with the text.
func bare(t *testing.T, text string) (path, commit string) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "from", kubelet), text)
	path = filepath.Join(dir, "kubernetes.git")
	commit, err := gittreetest.MakeRepository(t.Context(), filepath.Join(dir, "from"), path, "v1.36.3")
	if err != nil {
		t.Fatal(err)
	}
	return path, commit
}

// move lets the repository's tag point at a commit with another text.
func move(t *testing.T, path, text string) (commit string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	gitIn(t, path, "clone", "-q", path, dir)
	write(t, filepath.Join(dir, kubelet), text)
	commitAll(t, dir, "moved")
	gitIn(t, dir, "tag", "-f", "-a", "-m", "moved", "v1.36.3")
	gitIn(t, dir, "push", "-q", "-f", "origin", "v1.36.3")
	return gitIn(t, dir, "rev-parse", "HEAD")
}

// A tag that was moved is fetched again where nothing says which commit it must be. Where
// the lock or the person says that, what is there is that commit, whatever became of the
// tag.
func TestTagThatMoved(t *testing.T) {
	const moved = "package moved\n"
	for name, test := range map[string]struct {
		change  func(r *source.Request, commit string)
		want    string
		refetch bool
	}{
		"nobody names a commit": {func(*source.Request, string) {}, moved, true},
		"the lock does":         {func(r *source.Request, commit string) { r.Entry.Commit = commit }, "package first\n", false},
		"the person does":       {func(r *source.Request, commit string) { r.Commit = commit }, "package first\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			path, commit := bare(t, "package first\n")
			wants := request(path)
			test.change(&wants, commit)
			s := newSession(t, wants)
			s.mustFetch()
			if again := s.mustFetch(); !again.Cached {
				t.Error("a tag that did not move is fetched again")
			}
			at := move(t, path, moved)
			tree := s.mustFetch()
			data, err := os.ReadFile(filepath.Join(tree.Worktree, kubelet))
			if err != nil || string(data) != test.want || tree.Cached == test.refetch || test.refetch && tree.Origin.Commit != at {
				t.Errorf("%v: %q of commit %s, cached %t; want %q", err, data, tree.Origin.Commit, tree.Cached, test.want)
			}
		})
	}
}

// Where it can't be asked whether a tag was moved, that is said; a tag that is gone is
// refused.
func TestTagThatIsNotToBeHad(t *testing.T) {
	path, _ := bare(t, "package first\n")
	s := newSession(t, request(path))
	first := s.mustFetch()
	gitIn(t, path, "tag", "-d", "v1.36.3")
	if _, err := s.fetch(); !errors.Is(err, gittree.ErrTagNotFound) {
		t.Errorf("of a tag that is gone: %v", err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	tree := s.mustFetch()
	if said := s.said.String(); !tree.Cached || tree.Commit != first.Commit || !strings.Contains(said, "it is not known whether tag v1.36.3 was moved") {
		t.Errorf("cached %t, commit %s; it says %q", tree.Cached, tree.Commit, said)
	}
}

// Another repository, and another commit of the person, are other sources.
func TestOtherRepositoryAndCommit(t *testing.T) {
	path, commit := bare(t, "package first\n")
	other, otherCommit := bare(t, "package other\n")
	wants := request("")
	wants.Repository, wants.Commit = path, commit
	s := newSession(t, wants)
	s.mustFetch()
	s.wants.Commit = otherCommit
	if _, err := s.fetch(); !errors.Is(err, source.ErrMismatch) {
		t.Errorf("of another commit: %v", err)
	}
	s.wants.Repository = other // as after an edit of the lock
	tree := s.mustFetch()
	if data, err := os.ReadFile(filepath.Join(tree.Worktree, kubelet)); err != nil || string(data) != "package other\n" {
		t.Errorf("%v: %q", err, data)
	}
}

// What auto takes because git does not answer is not a fact: without a tree, it is asked
// again.
func TestAutoAsksAgain(t *testing.T) {
	path, commit := bare(t, "package first\n")
	wants := request("")
	wants.Kind, wants.Repository, wants.Entry.Commit = source.Auto, path, commit
	wants.Entry.RootOnly = true // so that nothing is had from the module proxy
	s := newSession(t, wants)
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.fetch(); !errors.Is(err, source.ErrUnavailable) || !strings.Contains(s.said.String(), "has tag v1.36.3 is not known: ") {
		t.Errorf("got %v; it says %q", err, s.said.String())
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	tree := s.mustFetch()
	if tree.Request.Kind != source.Git || !tree.Origin.Verified {
		t.Errorf("it takes %s: %+v", tree.Request.Kind, tree.Origin)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if again := s.mustFetch(); !again.Cached {
		t.Error("the tree that is there needs the repository")
	}
}

// A repository that answers and lacks the tag is told from one that does not answer.
func TestAutoWithoutTheTag(t *testing.T) {
	path, _ := bare(t, "package first\n")
	gitIn(t, path, "tag", "-d", "v1.36.3")
	wants := request("")
	wants.Kind, wants.Repository, wants.Entry.RootOnly = source.Auto, path, true
	s := newSession(t, wants)
	if _, err := s.fetch(); !errors.Is(err, source.ErrUnavailable) || !strings.Contains(s.said.String(), path+" does not have tag v1.36.3") {
		t.Errorf("got %v; it says %q", err, s.said.String())
	}
}

// A tag is had from a linked worktree too.
func TestTagOfALinkedWorktree(t *testing.T) {
	main := repository(t)
	gitIn(t, main, "tag", "v1.36.3")
	linked := filepath.Join(filepath.Dir(main), "linked")
	gitIn(t, main, "worktree", "add", "-q", "-b", "side", linked)
	wants := request(linked)
	wants.Commit = gitIn(t, main, "rev-parse", "HEAD")
	s := newSession(t, wants)
	if tree := s.mustFetch(); !tree.Origin.Verified {
		t.Errorf("%+v", tree.Origin)
	}
	if err := os.Rename(main, main+".moved"); err != nil {
		t.Fatal(err)
	}
	s.wants.Version.Patch = 4
	if _, err := s.fetch(); !errors.Is(err, gittree.ErrUnreachable) || !strings.Contains(err.Error(), linked+" is a linked worktree") {
		t.Errorf("without its repository: %v", err)
	}
}
