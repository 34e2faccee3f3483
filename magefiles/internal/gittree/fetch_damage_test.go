package gittree_test

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
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
)

// cutting serves a repository and ends the answer after so many bytes, or so many
// before its end; or else damages it.
func cutting(t *testing.T, location string, length int64, damage func([]byte)) string {
	t.Helper()
	target, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	proxy.ModifyResponse = func(response *http.Response) error {
		if !strings.HasSuffix(response.Request.URL.Path, "git-upload-pack") {
			return nil
		}
		data, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		if damage != nil {
			damage(data)
		} else {
			if length < 0 {
				length += int64(len(data))
			}
			data = data[:length]
		}
		response.Body, response.ContentLength = io.NopCloser(strings.NewReader(string(data))), int64(len(data))
		response.Header.Del("Content-Length")
		return nil
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL + target.Path
}

func TestFetchOfDamagedStream(t *testing.T) {
	repository := serve(t, similar())
	for name, location := range map[string]string{
		"cut early":  cutting(t, repository.locations["http"], 200, nil),
		"cut late":   cutting(t, repository.locations["http"], 20_000, nil),
		"cut at end": cutting(t, repository.locations["http"], -5, nil), // four of them follow the packfile
		"changed": cutting(t, repository.locations["http"], 0, func(data []byte) {
			data[len(data)/2] ^= 0x10
		}),
	} {
		t.Run(name, func(t *testing.T) {
			dir, worktree, store := tree(t, files{})
			_, err := fetch(t.Context(), store, location, "v1.20.2", worktree)
			if !errors.Is(err, gittree.ErrTruncated) {
				t.Errorf("got %v, want ErrTruncated", err)
			}
			assertEmpty(t, dir)
			// The next attempt goes through, whatever the first left in the worktree.
			if _, err := fetch(t.Context(), store, repository.locations["http"], "v1.20.2", worktree); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(similar(), read(t, worktree)); diff != "" {
				t.Errorf("worktree (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFetchOfDamagedRepository(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, pack string, data []byte){
		"cut": func(t *testing.T, pack string, data []byte) { write(t, pack, data[:len(data)/2]) },
		"changed": func(t *testing.T, pack string, data []byte) {
			data[len(data)-100] ^= 0xff
			write(t, pack, data)
		},
		"without packfile": func(t *testing.T, pack string, _ []byte) {
			if err := os.Remove(pack); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			repository := serve(t, similar())
			packs, err := filepath.Glob(filepath.Join(repository.bare, "objects/pack/*.pack"))
			if err != nil || len(packs) != 1 {
				t.Fatal(packs, err)
			}
			data, err := os.ReadFile(packs[0])
			if err != nil {
				t.Fatal(err)
			}
			damage(t, packs[0], data)
			dir, worktree, store := tree(t, files{})
			_, err = fetch(t.Context(), store, repository.bare, "v1.20.2", worktree)
			if !errors.Is(err, gittree.ErrTruncated) {
				t.Errorf("got %v, want ErrTruncated", err)
			}
			assertEmpty(t, dir)
		})
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, data, 0o600)); err != nil {
		t.Fatal(err)
	}
}

func TestFetchCancelled(t *testing.T) {
	repository := serve(t, similar())
	for name, location := range repository.locations {
		t.Run(name, func(t *testing.T) {
			dir, _, store := tree(t, files{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			progress := func(done, _ int64) {
				if done > 0 {
					cancel()
				}
			}
			_, err := gittree.Fetch(ctx, store, location, "v1.20.2", progress)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want context.Canceled", err)
			}
			assertEmpty(t, dir)
		})
	}
}
