package scripts_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/internal/programtest"
)

// scripts are those that a person runs.
var scripts = []string{"upgrade-kubelet", "rollback-kubelet", "generate-state.sh", "debug-kubelet"}

func TestShellcheck(t *testing.T) {
	programtest.Needs(t, "shellcheck", "shellcheck")
	args := append([]string{"--external-sources", "--check-sourced"}, scripts...)
	cmd := exec.CommandContext(t.Context(), "shellcheck", append(args, "testdata/systemctl")...)
	// From here the paths in the sources are those from the repository's root.
	cmd.Args = append(cmd.Args, "--source-path=..")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Help is for a person who has never seen the script, and changes nothing. A script that
// is called by a link finds what lies beside it.
func TestHelp(t *testing.T) {
	programtest.Needs(t, "bash", "bash")
	here, err := filepath.Abs(".")
	must(t, err)
	links := t.TempDir()
	for _, script := range scripts {
		link(t, filepath.Join(here, script), filepath.Join(links, script))
		out, err := exec.CommandContext(t.Context(), filepath.Join(links, script), "--help").Output()
		if err != nil {
			t.Errorf("%s: %v", script, err)
		}
		for _, section := range []string{"Usage: " + script, "Options:", "--dry-run", "Exit status", "Examples:"} {
			if !strings.Contains(string(out), section) {
				t.Errorf("the help of %s lacks %q", script, section)
			}
		}
	}
}

// Which program a unit starts, from unit files as systemctl cat prints them.
func TestUnitProgram(t *testing.T) {
	programtest.Needs(t, "bash", "bash")
	for unit, want := range map[string]string{
		"kubeadm":   "/usr/bin/kubelet",
		"plain":     "/usr/local/bin/kubelet",
		"prefixed":  "/opt/kube let/kubelet",
		"continued": "/opt/bin/kubelet",
		"forgotten": "",
		"commented": "/opt/bin/kubelet",
	} {
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", ". ./kubelet-service.bash; unit_program")
		cmd.Stdin = strings.NewReader(read(t, "testdata/units/"+unit))
		out, err := cmd.Output()
		if got := strings.TrimSuffix(string(out), "\n"); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", unit, got, err, want)
		}
	}
}

func digest(t *testing.T, path string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(read(t, path)))
	return hex.EncodeToString(sum[:])
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run runs a command with that input and returns its exit status and output.
func run(t *testing.T, cmd *exec.Cmd) (int, string) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// The README of the fleet has sed put a node's name in the place of NODE: in the name of the
// job, and where it runs. A variable with that word in its name would get another one, which a
// node whose name begins with a digit makes an invalid one.
func TestFleetJobPlaceholder(t *testing.T) {
	job := read(t, "fleet/job/job.yaml")
	if !strings.Contains(job, "name: steadylet-NODE\n") || !strings.Contains(job, "nodeName: NODE\n") || strings.Count(job, "NODE") != 2 {
		t.Errorf("NODE is in other places than the two that are meant:\n%s", job)
	}
}
