// Package modproxytest gives the go command of a test a module proxy and a checksum
// database of its own, on loopback, and lets them fail for single modules.
package modproxytest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/goproxytest"
	"golang.org/x/mod/sumdb"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/sumdb/note"
)

// Answer is how a server answers what it is asked about a module: an HTTP status, or
// HangUp.
type Answer int

// HangUp closes the connection without an answer.
const HangUp Answer = -1

// Servers are a module proxy and a checksum database.
type Servers struct {
	t       testing.TB
	modules *goproxytest.Server
	// proxy and database are the addresses that the go command asks.
	proxy, database *httptest.Server
	key             string
	gopath          string

	mutex   sync.Mutex
	answers map[string]Answer
	asked   int
}

// Serve serves the modules of a folder (see goproxytest), and signs their sums.
func Serve(t testing.TB, folder string) *Servers {
	t.Helper()
	s := &Servers{t: t, modules: goproxytest.NewTestServer(t, folder, "127.0.0.1:0"), answers: map[string]Answer{}}
	target, err := url.Parse(s.modules.URL)
	if err != nil {
		t.Fatal(err)
	}
	signer, key, err := note.GenerateKey(nil, "sum.test")
	if err != nil {
		t.Fatal(err)
	}
	s.key = key
	s.proxy = httptest.NewServer(s.failing("proxy", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}))
	s.database = httptest.NewServer(s.failing("database", sumdb.NewServer(sumdb.NewTestServer(signer, s.sums))))
	t.Cleanup(s.proxy.Close)
	t.Cleanup(s.database.Close)
	s.Forget()
	return s
}

// Forget gives the go command an empty module cache.
func (s *Servers) Forget() {
	gopath, err := os.MkdirTemp("", "modproxytest-")
	if err != nil {
		s.t.Fatal(err)
	}
	s.gopath = gopath
	s.t.Cleanup(func() {
		// The module cache can't be written to; the go command removes it all the same.
		clean := exec.Command("go", "clean", "-modcache")
		clean.Env = append(os.Environ(), "GOPATH="+gopath, "GOMODCACHE=", "GOFLAGS=")
		if out, err := clean.CombinedOutput(); err != nil {
			s.t.Errorf("emptying the module cache: %v: %s", err, out)
		}
		if err := os.RemoveAll(gopath); err != nil {
			s.t.Error(err)
		}
	})
}

// Environment is that of a go command which asks these servers alone, and remembers what
// it fetched until Forget.
func (s *Servers) Environment() []string {
	return append(os.Environ(), "GOPROXY="+s.proxy.URL, "GOSUMDB="+s.key+" "+s.database.URL,
		"GONOSUMDB=", "GOPRIVATE=", "GONOPROXY=", "GOPATH="+s.gopath, "GOMODCACHE=")
}

// Proxy lets the proxy answer about a module; 200 is the truth.
func (s *Servers) Proxy(module string, answer Answer) { s.answer("proxy", module, answer) }

// Database lets the checksum database answer about a module; 200 is the truth.
func (s *Servers) Database(module string, answer Answer) { s.answer("database", module, answer) }

func (s *Servers) answer(server, module string, answer Answer) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.answers[server+" "+module] = answer
}

// Asked counts what the proxy was asked so far.
func (s *Servers) Asked() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.asked
}

// failing answers itself where it was told to.
func (s *Servers) failing(server string, otherwise http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/lookup"), "/")
		name, _, _ = strings.Cut(strings.Replace(name, "/@v/", "@", 1), "@")
		s.mutex.Lock()
		answer := s.answers[server+" "+name]
		if server == "proxy" {
			s.asked++
		}
		s.mutex.Unlock()
		switch answer {
		case 0, http.StatusOK:
			otherwise.ServeHTTP(w, r)
		case HangUp:
			panic(http.ErrAbortHandler)
		default:
			// As a proxy says it that hands on what it was told itself.
			http.Error(w, "not found: the server upstream said 404 Not Found", int(answer))
		}
	})
}

// sums returns a module's lines of go.sum.
func (s *Servers) sums(path, version string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "modproxytest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	archive, goMod := filepath.Join(dir, "zip"), filepath.Join(dir, "mod")
	for to, kind := range map[string]string{archive: ".zip", goMod: ".mod"} {
		if err := download(s.modules.URL+"/"+path+"/@v/"+version+kind, to); err != nil {
			return nil, err
		}
	}
	sum, err := dirhash.HashZip(archive, dirhash.Hash1)
	if err != nil {
		return nil, err
	}
	goModSum, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return os.Open(goMod) })
	return fmt.Appendf(nil, "%s %s %s\n%[1]s %[2]s/go.mod %[4]s\n", path, version, sum, goModSum), err
}

func download(from, to string) error {
	response, err := http.Get(from)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return os.ErrNotExist
	}
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}
