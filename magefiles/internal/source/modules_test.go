package source_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// Modules are what the lock says, or they are refused.
func TestModules(t *testing.T) {
	file, err := lock.Read(filepath.Join("..", "..", "..", "patches", "kubernetes.lock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	version, err := kubever.Parse("v1.29.6") // of which a build's modules can't all be had
	if err != nil {
		t.Fatal(err)
	}
	entry, err := file.Entry(version)
	if err != nil {
		t.Fatal(err)
	}
	fetcher := source.Fetcher{Environment: os.Environ(), Progress: progress.New(io.Discard, false)}
	fetch := func(change func(string) string) (map[string]string, error) {
		changed := entry
		changed.GoSum = change(entry.GoSum)
		return fetcher.Modules(t.Context(), version, changed, "k8s.io/api")
	}
	dirs, err := fetch(func(sums string) string { return sums })
	if err != nil {
		t.Fatal(err)
	}
	for module, name := range map[string]string{"k8s.io/kubernetes": "pkg/apis/core/types.go", "k8s.io/api": "core/v1/types.go"} {
		if _, err := os.Stat(filepath.Join(dirs[module], name)); err != nil {
			t.Errorf("%s: %v", module, err)
		}
	}
	_, err = fetch(func(sums string) string {
		return strings.ReplaceAll(sums, "k8s.io/api v0.29.6 h1:e", "k8s.io/api v0.29.6 h1:f")
	})
	if !errors.Is(err, source.ErrMismatch) {
		t.Errorf("another sum gives %v, want %v", err, source.ErrMismatch)
	}
	_, err = fetch(func(sums string) string { return strings.ReplaceAll(sums, "k8s.io/api ", "k8s.io/another ") })
	if !errors.Is(err, source.ErrUnavailable) {
		t.Errorf("no sum gives %v, want %v", err, source.ErrUnavailable)
	}
}
