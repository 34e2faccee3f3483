package release_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/release"
)

func TestInterrupted(t *testing.T) {
	config := fixture(t, "v1.36.3")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := release.Make(ctx, config); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if _, err := os.Stat(config.Target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a release: %v", err)
	}
}

// TestMain lets the test binary be the run that is killed.
func TestMain(m *testing.M) {
	root := os.Getenv("STEADYLET_TEST_RELEASE")
	if root == "" {
		os.Exit(runTests(m))
	}
	if _, err := release.Make(context.Background(), killable(root)); err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
}

func runTests(m *testing.M) int {
	var err error
	if sharedFolder, err = os.MkdirTemp("", "steadylet-release-"); err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	defer os.RemoveAll(sharedFolder)
	return m.Run()
}

// Killed at whatever point, a run leaves the whole release or none.
func TestKilledAtAnyPoint(t *testing.T) {
	config := fixture(t, "v1.36.3")
	root := filepath.Dir(config.Root)
	whole := func() bool {
		_, err := os.Stat(config.Target)
		if errors.Is(err, fs.ErrNotExist) {
			return false
		}
		must(t, "sh", "-c", "cd \"$1\" && sha256sum --quiet --strict --check SHA256SUMS && [ $(ls | wc -l) = 8 ]", "sh", config.Target)
		return true
	}
	for delay := 5 * time.Millisecond; delay < 2*time.Second; delay *= 2 {
		freshWork(t, config)
		process := exec.Command(os.Args[0])
		process.Env = append(os.Environ(), "STEADYLET_TEST_RELEASE="+root)
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(delay)
		_ = process.Process.Kill()
		_ = process.Wait()
		whole()
	}
	freshWork(t, config)
	mustMake(t, killable(root))
	if !whole() {
		t.Error("the last run, which nobody killed, left no release")
	}
}
