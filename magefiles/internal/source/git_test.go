package source_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/gittree/gittreetest"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/source"
	"github.com/steadylet/steadylet/magefiles/internal/workspace"
)

// served is a bare repository with a tiny Kubernetes tree, tagged v1.36.3, on disk
// and over smart HTTP.
type served struct{ path, url, commit string }

func serve(t *testing.T) served {
	t.Helper()
	programtest.Needs(t, "git", "git")
	dir := t.TempDir()
	from := filepath.Join(dir, "from")
	for name, content := range map[string]string{
		"go.mod": "module k8s.io/kubernetes\n", "LICENSE": "text\n", "vendor/modules.txt": "",
		"pkg/kubelet/kuberuntime/kuberuntime_manager.go": "package kuberuntime\n",
		"big": strings.Repeat("not compressible? it is, but long\n", 20_000),
	} {
		path := filepath.Join(from, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	bare := filepath.Join(dir, "served", "kubernetes.git")
	commit, err := gittreetest.MakeRepository(t.Context(), from, bare, "v1.36.3")
	if err != nil {
		t.Fatal(err)
	}
	address, stop, err := gittreetest.Serve(filepath.Dir(bare))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop() })
	return served{path: bare, url: address + "/kubernetes.git", commit: commit}
}

func request(location string) source.Request {
	version := kubever.Version{Major: 1, Minor: 36, Patch: 3}
	return source.Request{Version: version, Kind: source.Git, Location: location, Entry: lock.Entry{
		Version: version, Time: time.Unix(1_600_000_000, 0), GoSum: "k8s.io/kubernetes v1.36.3 h1:unknown=",
	}}
}

// fetch returns what it finds, and checks that a failure leaves nothing behind.
func fetch(ctx context.Context, t *testing.T, request source.Request) (*source.Tree, error) {
	t.Helper()
	space, err := workspace.Acquire(filepath.Join(t.TempDir(), ".steadylet"), t.Name(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { space.Release() })
	fetcher := source.Fetcher{Environment: os.Environ(), Progress: progress.New(io.Discard, false)}
	tree, err := fetcher.Fetch(ctx, space, request)
	if err != nil {
		for _, name := range []string{"tmp", "trees", "steps/source"} {
			if left, readErr := os.ReadDir(filepath.Join(space.Dir(), name)); readErr == nil && len(left) != 0 {
				t.Errorf("left behind in %s: %v", name, left)
			}
		}
	}
	return tree, err
}

func TestGitSource(t *testing.T) {
	from := serve(t)
	var trees []string
	for name, location := range map[string]string{"path": from.path, "file URL": "file://" + from.path, "HTTP": from.url} {
		t.Run(name, func(t *testing.T) {
			wanted := request(location)
			wanted.Entry.Commit = from.commit
			tree, err := fetch(t.Context(), t, wanted)
			if err != nil {
				t.Fatal(err)
			}
			trees = append(trees, tree.Commit.String())
			if !tree.Origin.Verified || tree.Origin.Commit != from.commit {
				t.Errorf("origin %+v, want commit %s, verified", tree.Origin, from.commit)
			}
			// The lock's sum is not this tree's: that is said, not hidden.
			if len(tree.Origin.Warnings) != 1 || !strings.Contains(tree.Origin.Warnings[0], "not upstream's tree") {
				t.Errorf("warnings %q", tree.Origin.Warnings)
			}
			if data, err := os.ReadFile(filepath.Join(tree.Worktree, "LICENSE")); err != nil || string(data) != "text\n" {
				t.Errorf("the worktree holds %q, %v", data, err)
			}
		})
	}
	for _, commit := range trees {
		if commit != trees[0] {
			t.Errorf("the same tag gives different trees: %v", trees)
		}
	}
}

func TestGitSourceRefuses(t *testing.T) {
	from := serve(t)
	moved := request(from.path)
	moved.Entry.Commit = strings.Repeat("1", 40)
	unknown := request(from.url)
	unknown.Version.Patch = 4
	for name, test := range map[string]struct {
		request source.Request
		want    error
		says    string
	}{
		"moved tag":     {moved, source.ErrMismatch, "-commit=" + from.commit},
		"unknown tag":   {unknown, gittree.ErrTagNotFound, "it has v1.36.3"},
		"no repository": {request(t.TempDir()), gittree.ErrUnreachable, ""},
		"no server":     {request("http://127.0.0.1:1/kubernetes.git"), gittree.ErrUnreachable, "127.0.0.1:1"},
		"no such path":  {request("/nonexistent/kubernetes.git"), gittree.ErrUnreachable, "/nonexistent"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fetch(t.Context(), t, test.request)
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %v that says %q", err, test.want, test.says)
			}
		})
	}
}

// What a kind of source does not look at is refused, and nothing is fetched. -source=auto
// that is told the commit takes git, also where only the module is to be had.
func TestRefusesWhatItDoesNotLookAt(t *testing.T) {
	from := serve(t)
	commit, digest := strings.Repeat("1", 40), strings.Repeat("2", 64)
	for name, test := range map[string]struct {
		change func(r *source.Request)
		want   error
		says   string
	}{
		"auto, location": {func(r *source.Request) { r.Kind, r.Location = source.Auto, from.path }, nil, "-location needs a -source"},
		"auto, digest":   {func(r *source.Request) { r.Kind, r.Location, r.SHA256 = source.Auto, "", digest }, nil, "-source=archive"},
		"auto, commit":   {func(r *source.Request) { r.Kind, r.Location, r.Commit = source.Auto, "", commit }, source.ErrMismatch, commit},
		"auto, unreachable": {func(r *source.Request) {
			*r = request("")
			r.Kind, r.Commit, r.Repository = source.Auto, commit, "/none"
		}, gittree.ErrUnreachable, "/none"},
		"module, location": {func(r *source.Request) { r.Kind = source.Module }, nil, "-location"},
		"module, commit":   {func(r *source.Request) { r.Kind, r.Location, r.Commit = source.Module, "", commit }, nil, "-source=git"},
		"archive, commit":  {func(r *source.Request) { r.Kind, r.Commit = source.Archive, commit }, nil, "-source=git"},
		"git, digest":      {func(r *source.Request) { r.SHA256 = digest }, nil, "-source=archive"},
		"git, dirty":       {func(r *source.Request) { r.AllowDirty = true }, nil, "-source=dir"},
	} {
		t.Run(name, func(t *testing.T) {
			wanted := request(from.path)
			wanted.Repository = from.path
			test.change(&wanted)
			_, err := fetch(t.Context(), t, wanted)
			if err == nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %v that says %q", err, test.want, test.says)
			}
		})
	}
}

// A connection that breaks in the middle of the packfile.
func TestTruncatedFetch(t *testing.T) {
	from := serve(t)
	target, err := url.Parse(from.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: target.Scheme, Host: target.Host}) },
		ModifyResponse: func(response *http.Response) error {
			if response.Request.Method == http.MethodPost {
				response.Body = struct {
					io.Reader
					io.Closer
				}{io.LimitReader(response.Body, 600), response.Body}
				response.ContentLength = -1
			}
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	defer server.Close()
	_, err = fetch(t.Context(), t, request(server.URL+"/kubernetes.git"))
	if !errors.Is(err, gittree.ErrTruncated) {
		t.Errorf("got %v, want ErrTruncated", err)
	}
}

// A disk that is full: the error says so.
func TestFullDisk(t *testing.T) {
	from := serve(t)
	dir := t.TempDir()
	if err := mountTiny(dir); err != nil {
		t.Skipf("a small file system can't be mounted: run it as root (%v)", err)
	}
	defer unmount(dir)
	space, err := workspace.Acquire(filepath.Join(dir, "w"), t.Name(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	fetcher := source.Fetcher{Environment: os.Environ(), Progress: progress.New(io.Discard, false)}
	_, err = fetcher.Fetch(t.Context(), space, request(from.path))
	if err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("got %v, want a full disk", err)
	}
	if left, err := os.ReadDir(filepath.Join(space.Dir(), "tmp")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if err := space.Release(); err != nil {
		t.Error(err)
	}
}

func mountTiny(dir string) error { return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k") }

func unmount(dir string) { syscall.Unmount(dir, 0) } //nolint:errcheck // the test's folder goes anyway
