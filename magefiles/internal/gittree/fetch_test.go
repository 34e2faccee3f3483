package gittree_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/gittree/gittreetest"
)

// served is a repository with tag v1.20.2, and the ways to it.
type served struct {
	commit, bare string
	// locations are the ways by name: a folder, a file URL, an HTTP URL.
	locations map[string]string
}

func serve(t *testing.T, content files) served {
	t.Helper()
	programtest.Needs(t, "git", "git")
	root := t.TempDir()
	source, bare := filepath.Join(root, "source"), filepath.Join(root, "bare.git")
	content.write(t, source)
	commit, err := gittreetest.MakeRepository(t.Context(), source, bare, "v1.20.2")
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"v1.20.1", "v1.20.20", "v1.19.0", "v0.1"} {
		git(t, bare, "tag", tag, "v1.20.2^{commit}")
		git(t, source, "tag", tag, "v1.20.2^{commit}")
	}
	address, stop, err := gittreetest.Serve(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop() })
	return served{commit: commit, bare: bare, locations: map[string]string{
		"folder": bare, "file": "file://" + bare, "http": address + "/bare.git", "not bare": source,
	}}
}

// similar are files that git stores as changes of each other.
func similar() files {
	content := maps.Clone(kubernetes)
	random := rand.New(rand.NewPCG(3, 4))
	lines := make([]string, 500)
	for i := range lines {
		lines[i] = fmt.Sprintf("line %d %x\n", i, random.Uint64())
	}
	for i := range 200 {
		lines[random.IntN(len(lines))] = "changed\n"
		content[fmt.Sprintf("staging/%d/%d/types.go", i%10, i)] = strings.Join(lines, "")
	}
	return content
}

// fetch fetches a tag and checks it out.
func fetch(ctx context.Context, store *gittree.Store, location, tag, worktree string) (gittree.Fetched, error) {
	fetched, err := gittree.Fetch(ctx, store, location, tag, nil)
	if err != nil {
		return gittree.Fetched{}, err
	}
	_, err = store.Checkout(ctx, fetched.Tree, worktree, nil)
	return fetched, err
}

// assertEmpty wants a store without packfiles, and nothing beside it and the
// worktree.
func assertEmpty(t *testing.T, dir string) {
	t.Helper()
	packs, err := filepath.Glob(filepath.Join(dir, "git/objects/pack/*"))
	if err != nil || len(packs) > 0 {
		t.Errorf("left behind: %v %v", packs, err)
	}
	assertTidy(t, dir)
}

func assertTidy(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); name != "git" && name != "src" && name != "src.stamp" {
			t.Errorf("left behind: %s", name)
		}
	}
}

// A fetched tree must be what a native clone gives, whatever the way.
func TestFetch(t *testing.T) {
	content := similar()
	repository := serve(t, content)
	native := filepath.Join(t.TempDir(), "native")
	git(t, ".", "-c", "advice.detachedHead=false", "clone", "-q", "--depth", "1", "-b", "v1.20.2", repository.locations["http"], native)
	for name, location := range repository.locations {
		for _, tag := range []string{"v1.20.2", "v1.20.1"} { // annotated, and not
			t.Run(name+" "+tag, func(t *testing.T) {
				dir, worktree, store := tree(t, files{})
				fetched, err := gittree.Fetch(t.Context(), store, location, tag, nil)
				if err != nil {
					t.Fatal(err)
				}
				wantWritten := len(content)
				if written, err := store.Checkout(t.Context(), fetched.Tree, worktree, nil); written != wantWritten || err != nil {
					t.Errorf("Checkout wrote %d files: %v; want %d", written, err, wantWritten)
				}
				if fetched.Commit.String() != repository.commit || !fetched.When.Equal(when) {
					t.Errorf("got %+v, want commit %s of %s", fetched, repository.commit, when)
				}
				if want := git(t, native, "rev-parse", "HEAD^{tree}"); fetched.Tree.String() != want {
					t.Errorf("tree is %s, git says %s", fetched.Tree, want)
				}
				if diff := cmp.Diff(content, read(t, worktree)); diff != "" {
					t.Errorf("worktree (-want +got):\n%s", diff)
				}
				git(t, dir, "diff", "--no-index", "--exit-code", worktree, withoutGit(t, native))
				git(t, filepath.Join(dir, "git"), "fsck", "--full", "--strict")
				assertTidy(t, dir)
			})
		}
	}
}

// withoutGit removes git's own folder of a clone, once.
func withoutGit(t *testing.T, clone string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "clone")
	if err := exec.Command("cp", "-a", clone, copied).Run(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(copied, ".git")); err != nil {
		t.Fatal(err)
	}
	return copied
}

// The result must not depend on the repository, which may go away.
func TestFetchedStandsAlone(t *testing.T) {
	repository := serve(t, kubernetes)
	_, worktree, store := tree(t, files{})
	fetched, err := gittree.Fetch(t.Context(), store, repository.bare, "v1.20.2", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(repository.bare); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Checkout(t.Context(), fetched.Tree, worktree, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(kubernetes, read(t, worktree)); diff != "" {
		t.Errorf("worktree (-want +got):\n%s", diff)
	}
}

func TestFetchIntoWorktreeThatIsNotEmpty(t *testing.T) {
	repository := serve(t, kubernetes)
	for name, location := range repository.locations {
		t.Run(name, func(t *testing.T) {
			_, worktree, store := tree(t, files{"stray": "x", "go.mod": "module other\n", "pkg": "->..", "hack/build.sh*": kubernetes["hack/build.sh*"]})
			fetched, err := fetch(t.Context(), store, location, "v1.20.2", worktree)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(kubernetes, read(t, worktree)); diff != "" {
				t.Errorf("worktree (-want +got):\n%s", diff)
			}
			if differing, err := store.Verify(fetched.Tree, worktree); len(differing) > 0 || err != nil {
				t.Errorf("Verify says %v %v", differing, err)
			}
		})
	}
}

// Objects may also lie about singly, or in another repository.
func TestFetchFromAnyStorage(t *testing.T) {
	for name, args := range map[string][]string{
		"shared":   {"clone", "-q", "--bare", "--shared"},
		"unpacked": {"clone", "-q", "--bare", "--no-local"},
	} {
		t.Run(name, func(t *testing.T) {
			repository := serve(t, similar())
			clone := filepath.Join(t.TempDir(), "clone.git")
			git(t, ".", append(args, repository.bare, clone)...)
			if name == "unpacked" {
				unpack(t, clone)
			}
			_, worktree, store := tree(t, files{})
			fetched, err := fetch(t.Context(), store, clone, "v1.20.2", worktree)
			if err != nil {
				t.Fatal(err)
			}
			if fetched.Commit.String() != repository.commit {
				t.Errorf("commit is %s, want %s", fetched.Commit, repository.commit)
			}
			if diff := cmp.Diff(similar(), read(t, worktree)); diff != "" {
				t.Errorf("worktree (-want +got):\n%s", diff)
			}
		})
	}
}

// unpack turns a repository's packfiles into single objects.
func unpack(t *testing.T, bare string) {
	t.Helper()
	packs, err := filepath.Glob(filepath.Join(bare, "objects/pack/*.pack"))
	if err != nil || len(packs) == 0 {
		t.Fatal(packs, err)
	}
	for _, pack := range packs {
		aside := filepath.Join(t.TempDir(), "pack")
		if err := os.Rename(pack, aside); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(strings.TrimSuffix(pack, ".pack") + ".idx"); err != nil {
			t.Fatal(err)
		}
		data, err := os.Open(aside)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("git", "unpack-objects", "-q")
		cmd.Dir, cmd.Stdin = bare, data
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git unpack-objects: %v\n%s", err, out)
		}
		data.Close()
	}
}

func TestFetchRefuses(t *testing.T) {
	repository := serve(t, kubernetes)
	git(t, repository.bare, "tag", "tree-only", "v1.20.2^{tree}")
	for name, location := range repository.locations {
		if name == "not bare" {
			continue // the tag below is not added there
		}
		for tag, want := range map[string]struct {
			is   error
			text string
		}{
			"v1.20.3":   {gittree.ErrTagNotFound, "v1.20.3; it has v1.20.1, v1.20.2, v1.20.20"},
			"tree-only": {nil, "not to a commit"},
		} {
			t.Run(name+" "+tag, func(t *testing.T) {
				dir, worktree, store := tree(t, files{})
				_, err := fetch(t.Context(), store, location, tag, worktree)
				if err == nil || !strings.Contains(err.Error(), want.text) || want.is != nil && !errors.Is(err, want.is) {
					t.Errorf("got %v, want %v with %q", err, want.is, want.text)
				}
				assertEmpty(t, dir)
			})
		}
	}
}

// What a checkout must not write is refused on arrival, whatever the way.
func TestFetchRefusesHostileTrees(t *testing.T) {
	repository := serve(t, kubernetes)
	id := strings.Repeat("\x11", 20)
	blob := strings.TrimSpace(git(t, repository.bare, "rev-parse", "v1.20.2:go.mod"))
	raw, err := hex.DecodeString(blob)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"parent": "100644 ..\x00" + string(raw), "git": "100644 .Git\x00" + string(raw), "separator": "100644 a/b\x00" + string(raw),
		"backslash": "100644 ..\\b\x00" + string(raw), "twice": "120000 a\x00" + string(raw) + "100644 a\x00" + string(raw),
		"submodule": "160000 a\x00" + id,
	} {
		hostile := writeTree(t, repository.bare, text)
		git(t, repository.bare, "-c", "user.name=a", "-c", "user.email=a@localhost", "tag", name, git(t, repository.bare,
			"-c", "user.name=a", "-c", "user.email=a@localhost", "commit-tree", "-m", name, hostile))
		for _, way := range []string{"folder", "http"} {
			t.Run(name+" "+way, func(t *testing.T) {
				dir, _, store := tree(t, files{})
				if _, err := gittree.Fetch(t.Context(), store, repository.locations[way], name, nil); !errors.Is(err, gittree.ErrPath) {
					t.Errorf("got %v, want ErrPath", err)
				}
				assertEmpty(t, dir)
			})
		}
	}
}

// Servers that can't send a tag without its history are refused with words that help.
func TestFetchFromPoorServers(t *testing.T) {
	repository := serve(t, kubernetes)
	git(t, repository.bare, "update-server-info")
	dumb := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(repository.bare))))
	t.Cleanup(dumb.Close)
	target, err := url.Parse(repository.locations["http"])
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	proxy.ModifyResponse = func(response *http.Response) error {
		data, err := io.ReadAll(response.Body)
		response.Body = io.NopCloser(strings.NewReader(strings.Replace(string(data), " shallow ", " hollow1 ", 1)))
		return err
	}
	deep := httptest.NewServer(proxy)
	t.Cleanup(deep.Close)
	for name, test := range map[string]struct{ location, says string }{
		"dumb":       {dumb.URL + "/bare.git", "smart protocol"},
		"no shallow": {deep.URL + target.Path, "without the history"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _, store := tree(t, files{})
			_, err := gittree.Fetch(t.Context(), store, test.location, "v1.20.2", nil)
			if !errors.Is(err, gittree.ErrUnreachable) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want ErrUnreachable that says %q", err, test.says)
			}
			assertEmpty(t, dir)
		})
	}
}

func TestFetchFromNowhere(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	missing := closed.URL + "/missing.git"
	dead := httptest.NewServer(nil)
	dead.Close()
	t.Cleanup(closed.Close)
	for name, location := range map[string]string{
		"no folder": filepath.Join(t.TempDir(), "absent"), "not a repository": t.TempDir(),
		"no such repository": missing, "nobody listens": dead.URL + "/x.git", "no such protocol": "gopher://127.0.0.1/x.git",
	} {
		t.Run(name, func(t *testing.T) {
			dir, worktree, store := tree(t, files{})
			_, err := fetch(t.Context(), store, location, "v1.20.2", worktree)
			if !errors.Is(err, gittree.ErrUnreachable) {
				t.Errorf("got %v, want ErrUnreachable", err)
			}
			if err := gittree.HasTag(t.Context(), location, "v1.20.2"); !errors.Is(err, gittree.ErrUnreachable) {
				t.Errorf("HasTag: got %v, want ErrUnreachable", err)
			}
			assertEmpty(t, dir)
		})
	}
}

func TestHasTag(t *testing.T) {
	repository := serve(t, kubernetes)
	for name, location := range repository.locations {
		if err := gittree.HasTag(t.Context(), location, "v1.20.2"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := gittree.HasTag(t.Context(), location, "v1.20.3"); !errors.Is(err, gittree.ErrTagNotFound) {
			t.Errorf("%s: got %v, want ErrTagNotFound", name, err)
		}
	}
}
