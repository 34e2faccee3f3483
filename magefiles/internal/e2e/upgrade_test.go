package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/testnode"
	"github.com/steadylet/steadylet/magefiles/internal/upgrade"
)

// In-place upgrades over the change of the hash, on a real cluster of one node: stock
// kubelets restart what they are known to restart, patched ones what was edited.
func TestUpgradeScenarios(t *testing.T) {
	needsCluster(t)
	p := open(t)
	for name, test := range map[string]struct {
		toStock   bool
		scenarios string
		control   bool
	}{
		"stock control": {true, "plain", true},
		"patched":       {false, "plain,edit-during,corrupt,static-edit", false},
	} {
		t.Run(name, func(t *testing.T) {
			results, err := p.UpgradeTest(t.Context(), pipeline.UpgradeOptions{
				From: "v1.30.14", To: "v1.31.0", FromStock: true, ToStock: test.toStock, Scenarios: test.scenarios,
			})
			upgrade.WriteSummary(os.Stderr, results)
			if err != nil {
				t.Fatal(err)
			}
			for _, result := range results {
				if result.Control() != test.control {
					t.Errorf("scenario %s: control %t, want %t", result.Scenario.Name, result.Control(), test.control)
				}
			}
		})
	}
}

// A run that is ended in its midst, by a person or by what bounds a job's time, leaves
// nothing on the host. (Everybody in the process group gets the signal.)
func TestUpgradeThatIsEnded(t *testing.T) {
	needsCluster(t)
	if *root == "" {
		t.Skip("builds real kubelets: run it with go tool mage test")
	}
	for name, signal := range map[string]syscall.Signal{"SIGINT": syscall.SIGINT, "SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			// Shorter than t.TempDir, for the sake of the sockets.
			dir, err := os.MkdirTemp("", "s-")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			log, err := os.Create(filepath.Join(dir, "log"))
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			cmd := exec.Command("go", "tool", "mage", "upgradeTest", "-from=v1.30.14", "-to=v1.31.0")
			cmd.Dir, cmd.Env, cmd.SysProcAttr = *root, append(os.Environ(), "TMPDIR="+dir), &syscall.SysProcAttr{Setpgid: true}
			cmd.Stdout, cmd.Stderr = log, log
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			said := func() string {
				data, err := os.ReadFile(log.Name())
				if err != nil {
					return err.Error()
				}
				return string(data)
			}
			done := make(chan error, 1)
			go func() { done <- cmd.Wait() }()
			for !strings.Contains(said(), "kubelet v1.31.0 (patched) starts") {
				select {
				case err := <-done:
					t.Fatalf("it ended by itself: %v\n%s", err, said())
				case <-time.After(100 * time.Millisecond):
				}
			}
			if err := syscall.Kill(-cmd.Process.Pid, signal); err != nil {
				t.Fatal(err)
			}
			// Go 1.26's own tool command ends with 0 where a signal ended what it runs.
			if err := <-done; err == nil && signal == syscall.SIGINT {
				t.Errorf("it says that all is well:\n%s", said())
			}
			// Nor does it wait for what that runs.
			for range 600 {
				if syscall.Kill(-cmd.Process.Pid, 0) != nil {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			left, err := testnode.TracesIn(dir)
			if diff := cmp.Diff(testnode.Traces{}, left); err != nil || diff != "" {
				t.Errorf("%v, left behind (+):\n%s\n%s", err, diff, said())
				// The next run would not look here.
				t.Setenv("TMPDIR", dir)
				if place, err := testnode.Claim(t.Context()); err != nil || place.Release() != nil {
					t.Errorf("what is left stays (%v)", err)
				}
			}
		})
	}
}
