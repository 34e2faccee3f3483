// Package gittreetest makes and serves git repositories for tests. It runs the
// real git program, which a test host has and a build host needn't have.
package gittreetest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/cgi"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/command"
)

// identity makes the commit ID a function of the content.
var identity = []string{
	"GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@localhost", "GIT_AUTHOR_DATE=2021-01-13T13:19:01Z",
	"GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@localhost", "GIT_COMMITTER_DATE=2021-01-13T13:19:01Z",
	"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
}

// MakeRepository commits everything in source, ignored files included, tags it,
// and leaves a bare, packed repository at bare. source gets a .git folder. It
// returns the commit ID.
func MakeRepository(ctx context.Context, source, bare, tag string) (string, error) {
	run := func(dir string, args ...string) (string, error) {
		out, err := command.Command{Args: append([]string{"git"}, args...), Dir: dir, Env: append(environment(), identity...)}.Output(ctx)
		return strings.TrimSpace(string(out)), err
	}
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "-A", "-f", "."}, {"commit", "-q", "--allow-empty", "-m", tag}, {"tag", "-a", "-m", tag, tag},
		{"clone", "-q", "--bare", ".", bare},
	} {
		if _, err := run(source, args...); err != nil {
			return "", fmt.Errorf("making a repository of %s: %w", source, err)
		}
	}
	if _, err := run(bare, "gc", "-q"); err != nil {
		return "", fmt.Errorf("making a repository of %s: %w", source, err)
	}
	return run(bare, "rev-parse", tag+"^{commit}")
}

func environment() []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent"}
}

// Serve serves the bare repositories in a folder over smart HTTP, on loopback,
// until stop is called. The URL is that of the folder.
func Serve(folder string) (url string, stop func() error, err error) {
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return "", nil, fmt.Errorf("finding git's programs: %w", err)
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + folder, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: backend}
	go server.Serve(listener) //nolint:errcheck // it ends with ErrServerClosed
	return "http://" + listener.Addr().String(), server.Close, nil
}
