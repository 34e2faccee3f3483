package gitpack_test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/steadylet/steadylet/magefiles/internal/gitpack"
)

// copyOf copies a commit with its tree, and returns what arrives.
func copyOf(t *testing.T, dir, commit string, loose gitpack.Loose) map[string]string {
	t.Helper()
	sources, err := gitpack.OpenSources(filepath.Join(dir, ".git/objects/pack"))
	if err != nil {
		t.Fatal(err)
	}
	defer gitpack.CloseSources(sources)
	var stream bytes.Buffer
	if err := gitpack.Copy(&stream, sources, reachable(t, dir, commit), loose); err != nil {
		t.Fatal(err)
	}
	checked, packs := folder(t)
	var seen collector
	if err := gitpack.Receive(t.Context(), &stream, packs, 2, &seen); err != nil {
		t.Fatal(err)
	}
	git(t, checked, "", "fsck", "--full", "--strict")
	return seen.contents
}

// reachable lists a commit with its tree, without its history, in two groups.
func reachable(t *testing.T, dir, commit string) [][]plumbing.Hash {
	t.Helper()
	groups := [][]plumbing.Hash{nil, nil}
	list := git(t, dir, "", "rev-list", "--objects", "--no-object-names", "--no-walk", commit)
	for line := range strings.Lines(git(t, dir, list, "cat-file", "--batch-check=%(objecttype) %(objectname)")) {
		kind, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		group := 0
		if kind == "blob" {
			group = 1
		}
		groups[group] = append(groups[group], plumbing.NewHash(id))
	}
	return groups
}

func noneLoose(id plumbing.Hash) (gitpack.Packed, error) {
	return gitpack.Packed{}, errors.New(id.String() + " is loose")
}

// history adds commits that each change the same files a little, and returns the
// oldest, whose objects git stores as changes of newer ones.
func history(t *testing.T, dir string) (oldest string) {
	t.Helper()
	oldest = strings.TrimSpace(git(t, dir, "", "rev-parse", "HEAD"))
	for i := range 5 {
		path := filepath.Join(dir, "pkg/f1/similar.go")
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, strings.Repeat("one more line\n", 100*(i+1))...)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		git(t, dir, "", "commit", "-q", "-a", "-m", "more")
	}
	return oldest
}

func TestCopy(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, dir string){
		"one packfile": func(t *testing.T, dir string) { git(t, dir, "", "gc", "-q") },
		"deltas by ID": func(t *testing.T, dir string) {
			git(t, dir, "", "-c", "repack.useDeltaBaseOffset=false", "repack", "-q", "-a", "-d", "-f")
		},
		"two packfiles, some objects in both": func(t *testing.T, dir string) {
			git(t, dir, "HEAD\n", "pack-objects", "-q", "--revs", ".git/objects/pack/pack")
			git(t, dir, "", "repack", "-q", "-a")
			git(t, dir, "", "prune-packed", "-q")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := repository(t)
			oldest := history(t, dir)
			prepare(t, dir)
			all := objects(t, dir)
			for _, commit := range []string{oldest, "HEAD"} {
				got := copyOf(t, dir, commit, noneLoose)
				for _, group := range reachable(t, dir, commit) {
					for _, id := range group {
						if !hasID(got, id) {
							t.Errorf("%s of %s is missing", id, commit)
						}
					}
				}
				for object, content := range got {
					if all[object] != content {
						t.Errorf("%s is not what git reads", object)
					}
				}
			}
		})
	}
}

func hasID(objects map[string]string, id plumbing.Hash) bool {
	for object := range objects {
		if strings.HasSuffix(object, id.String()) {
			return true
		}
	}
	return false
}

func TestCopyOfLooseObjects(t *testing.T) {
	dir := repository(t)
	all := objects(t, dir)
	got := copyOf(t, dir, "HEAD", func(id plumbing.Hash) (gitpack.Packed, error) {
		for kind := range map[plumbing.ObjectType]bool{plumbing.CommitObject: true, plumbing.TreeObject: true, plumbing.BlobObject: true} {
			if content, ok := all[kind.String()+" "+id.String()]; ok {
				return gitpack.Pack(kind, []byte(content))
			}
		}
		return noneLoose(id)
	})
	maps.DeleteFunc(all, func(object, _ string) bool { return strings.HasPrefix(object, "tag ") })
	if !maps.Equal(all, got) {
		t.Error("the objects are not those that git reads")
	}
}

func TestOpenSourcesRefusesDamage(t *testing.T) {
	for name, damage := range map[string]func(data []byte) []byte{
		"cut":     func(data []byte) []byte { return data[:len(data)/2] },
		"empty":   func([]byte) []byte { return nil },
		"another": func(data []byte) []byte { return bytes.Repeat([]byte("x"), len(data)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := repository(t)
			git(t, dir, "", "gc", "-q")
			index := glob(t, filepath.Join(dir, ".git/objects/pack"), "*.idx")[0]
			data, err := os.ReadFile(index)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.Chmod(index, 0o600), os.WriteFile(index, damage(data), 0o600)); err != nil {
				t.Fatal(err)
			}
			if _, err := gitpack.OpenSources(filepath.Dir(index)); !errors.Is(err, gitpack.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

// A packfile that its index does not fit must not go unnoticed.
func TestCopyOfDamage(t *testing.T) {
	dir := repository(t)
	git(t, dir, "", "gc", "-q")
	groups := reachable(t, dir, "HEAD")
	path := glob(t, filepath.Join(dir, ".git/objects/pack"), "*.pack")[0]
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, length := range []int{0, 100, len(data) / 2} {
		if err := os.WriteFile(path, data[:length], 0o600); err != nil {
			t.Fatal(err)
		}
		sources, err := gitpack.OpenSources(filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		if err := gitpack.Copy(&bytes.Buffer{}, sources, groups, noneLoose); !errors.Is(err, gitpack.ErrMalformed) {
			t.Errorf("cut to %d: got %v, want ErrMalformed", length, err)
		}
		gitpack.CloseSources(sources)
	}
}
