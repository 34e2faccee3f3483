package source_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/modproxytest"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// described returns the entry of the tiny release that the servers have.
func described(t *testing.T, servers *modproxytest.Servers) lock.Entry {
	t.Helper()
	fetcher := source.Fetcher{Environment: servers.Environment(), Progress: progress.New(t.Output(), false)}
	entry, err := fetcher.Describe(t.Context(), request("").Version, source.DescribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

// Modules are what the sums in the lock say, wherever they come from: nothing is asked for
// them again, and what a person set for the go command changes nothing. Other sums are
// another tree.
func TestModulesThatAreThere(t *testing.T) {
	servers := modproxytest.Serve(t, filepath.Join("testdata", "modules"))
	wants := request("")
	wants.Kind, wants.Entry = source.Module, described(t, servers)
	s := newSession(t, wants)
	s.environment = append(servers.Environment(), "GOFLAGS=-mod=mod -modfile=/nonexistent")
	first := s.mustFetch()
	if !first.Origin.Verified || first.Cached {
		t.Errorf("cached %t, %+v", first.Cached, first.Origin)
	}
	servers.Forget()
	asked := servers.Asked()
	for _, setting := range []string{"GOPROXY=http://127.0.0.1:1", "GOPROXY=off", "GOFLAGS=-mod=vendor"} {
		s.environment = append(servers.Environment(), setting)
		if again := s.mustFetch(); !again.Cached || again.Commit != first.Commit {
			t.Errorf("%s: cached %t, commit %s", setting, again.Cached, again.Commit)
		}
	}
	if now := servers.Asked(); now != asked {
		t.Errorf("the proxy was asked %d times", now-asked)
	}
	s.environment = servers.Environment()
	s.wants.Entry.GoSum = strings.Replace(wants.Entry.GoSum, "k8s.io/api v0.36.3 h1:E", "k8s.io/api v0.36.3 h1:F", 1)
	if _, err := s.fetch(); err == nil || !strings.Contains(err.Error(), "k8s.io/api@v0.36.3: checksum mismatch") {
		t.Errorf("with another sum in the lock: %v", err)
	}
}
