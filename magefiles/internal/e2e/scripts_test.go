package e2e_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
)

// script is a run of a script on the node.
type script struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

// begin runs a script. Once its output says until, if that is anything, it gets SIGTERM.
func (s *supervised) begin(t *testing.T, until, name string, args ...string) *script {
	t.Helper()
	run := &script{}
	options := []string{
		"--kubelet", s.installed, "--backup-dir", s.backups, "--calm", "8", "--healthy-within", "60",
		"--stop-command", filepath.Join(s.kit, "stop"), "--start-command", filepath.Join(s.kit, "start"),
	}
	run.cmd = exec.CommandContext(t.Context(), filepath.Join(s.kit, name), append(options, args...)...)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	run.cmd.Stdout, run.cmd.Stderr = write, write
	if err := errors.Join(run.cmd.Start(), write.Close()); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	for sent := until == ""; ; {
		n, err := read.Read(buffer)
		run.out.Write(buffer[:n])
		if !sent && strings.Contains(run.out.String(), until) {
			sent = true
			if err := run.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_ = run.cmd.Wait() // its status is what the test looks at
	return run
}

// do runs a script and wants an exit status and words of its output.
func (s *supervised) do(t *testing.T, status int, says []string, until, name string, args ...string) {
	t.Helper()
	began := time.Now()
	run := s.begin(t, until, name, args...)
	got := run.cmd.ProcessState.ExitCode()
	t.Logf("%s %s: status %d after %s\n%s", name, strings.Join(args, " "), got, time.Since(began).Round(time.Second/10), run.out.String())
	if got != status {
		t.Fatalf("status %d, want %d; the kubelet's log ends with\n%s", got, status, s.kubeletLog())
	}
	for _, words := range says {
		if !strings.Contains(run.out.String(), words) {
			t.Errorf("it does not say %q", words)
		}
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(s.installed), ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left beside the kubelet: %v %v", left, err)
	}
}

// runs wants the program of the kubelet that runs to be that one, to the byte.
func (s *supervised) runs(t *testing.T, program string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(s.kit, "steadylet"), "kubelet", "--program", s.installed, "--wait", "20s", "--print", "pid").Output()
	if err != nil {
		t.Fatalf("no healthy kubelet runs: %v\n%s", err, s.kubeletLog())
	}
	want, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("/proc/" + strings.TrimSpace(string(out)) + "/exe")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("another kubelet runs than %s (%v)", program, err)
	}
}

// scriptPrograms returns the kubelets, and the API server of 1.31.0.
func scriptPrograms(t *testing.T) (built kubelets, apiserver string) {
	t.Helper()
	needsSupervisor(t)
	needsCluster(t)
	if *ready != "" {
		return debugKubelets(t), filepath.Join(*ready, "v1.31.0", "linux-"+runtime.GOARCH, "stock-debug", "kube-apiserver")
	}
	p := open(t)
	tree := fetch(t, p, pipeline.SourceOptions{Version: "v1.31.0", Kind: "module"})
	return buildKubelets(t, p), compileProgram(t, p, tree, pipeline.StockSeries, "kube-apiserver").Path
}

// The scripts on one node with a real kubelet under a supervisor, one run after the
// other. What must not be replaced is compared by the IDs that containerd has.
func TestScripts(t *testing.T) {
	built, apiserver := scriptPrograms(t)
	s := superviseKubelet(t, built.stock, true, apiserver)
	first := s.running(t)
	same := func(t *testing.T) {
		t.Helper()
		if diff := cmp.Diff(first, s.running(t)); diff != "" {
			t.Errorf("containers were replaced: %s", diff)
		}
	}
	skip := "--skip-doctor"
	if !t.Run("a dry run changes nothing", func(t *testing.T) {
		s.do(t, 0, []string{"3 containers run", "dry run: would stop"}, "", "upgrade-kubelet", "--dry-run", skip, built.patched)
		if _, err := os.Lstat(filepath.Dir(s.backups)); !os.IsNotExist(err) {
			t.Errorf("it made the folder of backups (%v)", err)
		}
		s.runs(t, built.stock)
		same(t)
	}) {
		t.FailNow()
	}
	t.Run("not healthy", func(t *testing.T) {
		s.do(t, 3, []string{"does not become healthy", "kubelet v1.30.14 runs"}, "", "upgrade-kubelet", skip, "--healthy-within", "15", built.patched)
		s.runs(t, built.stock)
		same(t)
	})
	s.configure(t, false)
	t.Run("interrupted", func(t *testing.T) {
		s.do(t, 5, []string{"interrupted", "kubelet v1.30.14 runs"}, "waiting until it is healthy", "upgrade-kubelet", skip, built.patched)
		s.runs(t, built.stock)
		same(t)
	})
	t.Run("patched", func(t *testing.T) {
		s.do(t, 0, []string{"nothing was replaced needlessly"}, "", "upgrade-kubelet", built.patched)
		s.runs(t, built.patched)
		same(t)
	})
	t.Run("rolled back", func(t *testing.T) {
		s.do(t, 0, []string{"kubelet v1.30.14 runs"}, "", "rollback-kubelet")
		s.runs(t, built.stock)
		same(t)
	})
	t.Run("stock", func(t *testing.T) {
		s.do(t, 4, []string{"replaced containers needlessly", "kubelet v1.30.14 runs"}, "", "upgrade-kubelet", skip, "--calm", "60", built.nextStock)
		s.runs(t, built.stock)
		// It goes back at the first of the two that is replaced, and may spare the other.
		if now := s.running(t); now["fixed"] == first["fixed"] && now["served"] == first["served"] {
			t.Errorf("the stock upgrade replaced nothing needlessly: %v", now)
		}
	})
}
