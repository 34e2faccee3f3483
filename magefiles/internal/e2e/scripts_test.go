package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// supervised is a node whose kubelet runs under runit, with the scripts beside the node
// command as they are installed.
type supervised struct {
	*stateNode
	// installed is the kubelet that runit runs, kit the folder of scripts.
	installed, kit, backups string
	supervisor              *testnode.Process
}

// retiredGate is a feature gate that 1.30 knows and 1.31 does not
// (pkg/features/kube_features.go): a kubelet ends when its configuration has one that it
// does not know.
const retiredGate = "ReadWriteOncePod"

// superviseKubelet starts a node with a stock kubelet under runit, and waits for its two
// static pods. Its configuration has the retired gate.
func superviseKubelet(t *testing.T, stock string) *supervised {
	t.Helper()
	for _, program := range []string{"runsv", "sv"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("runs a kubelet under a supervisor: install Debian's package runit")
		}
	}
	command := buildSteadylet(t)
	s := &supervised{stateNode: startStateNode(t)}
	s.installed, s.kit, s.backups = filepath.Join(s.Dir(), "bin", "kubelet"), filepath.Join(s.Dir(), "kit"), filepath.Join(s.Dir(), "backups", "kubelets")
	for _, folder := range []string{filepath.Dir(s.installed), s.kit, filepath.Join(s.Dir(), "service")} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	copyFile(t, stock, s.installed)
	copyFile(t, string(command), filepath.Join(s.kit, "steadylet"))
	for _, script := range []string{"upgrade-kubelet", "rollback-kubelet", "generate-state.sh", "kubelet-swap.bash", "kubelet-service.bash"} {
		copyFile(t, filepath.Join("..", "..", "..", "scripts", script), filepath.Join(s.kit, script))
	}
	s.addFixedPod(t)
	s.configure(t, true)
	s.supervise(t)
	return s
}

// supervise starts runit with a run script, and writes the programs that stop and start
// the kubelet.
func (s *supervised) supervise(t *testing.T) {
	t.Helper()
	service := filepath.Join(s.Dir(), "service")
	version, err := kubever.Parse("v1.30.14")
	if err != nil {
		t.Fatal(err)
	}
	run := fmt.Sprintf("#!/bin/sh\nexec %s %s >>%s/kubelet.log 2>&1\n", s.installed, strings.Join(s.place.Flags(version), " "), s.Dir())
	for path, text := range map[string]string{
		filepath.Join(service, "run"): run,
		filepath.Join(s.kit, "stop"):  "#!/bin/sh\nexec sv -w 60 stop " + service + "\n",
		filepath.Join(s.kit, "start"): "#!/bin/sh\nexec sv start " + service + "\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if s.supervisor, err = s.Start("runsv", "runsv", service); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("sv", "-w", "30", "exit", service).CombinedOutput(); err != nil {
			t.Errorf("ending the supervisor: %v: %s", err, out)
		}
	})
	err = s.supervisor.Wait(t.Context(), 2*time.Minute, "the static pods", func() (bool, error) { return len(s.running(t)) == 2, nil })
	if err != nil {
		t.Fatalf("%v\n%s", err, s.kubeletLog())
	}
}

// addFixedPod adds a static pod with a UID of its own: only its hash can move.
func (s *supervised) addFixedPod(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile(s.manifest)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(data), "name: app\n", "name: fixed\n")
	text = strings.Replace(text, "metadata:\n", "metadata:\n  uid: 5f7e1ad5-0000-4000-8000-000000000003\n", 1)
	if err := os.WriteFile(filepath.Join(s.place.ManifestDir, "fixed.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// configure writes the configuration of 1.30, which 1.31 reads too unless it has the
// retired gate.
func (s *supervised) configure(t *testing.T, retired bool) {
	t.Helper()
	version, err := kubever.Parse("v1.30.14")
	if err != nil {
		t.Fatal(err)
	}
	config, err := s.place.Config(version)
	if err != nil {
		t.Fatal(err)
	}
	if retired {
		var fields map[string]any
		err = json.Unmarshal(config, &fields)
		fields["featureGates"] = map[string]bool{retiredGate: true}
		if err == nil {
			config, err = json.Marshal(fields)
		}
	}
	if err := errors.Join(err, os.WriteFile(s.place.ConfigFile, config, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// running returns the IDs of the containers that run, by name.
func (s *supervised) running(t *testing.T) map[string]string {
	t.Helper()
	list, err := s.Runtime.Containers(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, container := range list {
		if container.Running {
			found[container.Name] = container.ID
		}
	}
	return found
}

func (s *supervised) kubeletLog() string {
	data, err := os.ReadFile(filepath.Join(s.Dir(), "kubelet.log"))
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-3000):])
}

// script is a run of a script on the node.
type script struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

// start starts a script. When its output has the line until, it gets SIGTERM; an empty
// one never comes.
func (s *supervised) begin(t *testing.T, until, name string, args ...string) *script {
	t.Helper()
	run := &script{}
	options := []string{
		"--kubelet", s.installed, "--backup-dir", s.backups, "--calm", "6", "--healthy-within", "20",
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

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The scripts on one node with a real kubelet under a supervisor, one run after the
// other. What must not be replaced is compared by the IDs that containerd has.
func TestScripts(t *testing.T) {
	built := debugKubelets(t)
	s := superviseKubelet(t, built.stock)
	first := s.running(t)
	same := func(t *testing.T) {
		t.Helper()
		if diff := cmp.Diff(first, s.running(t)); diff != "" {
			t.Errorf("containers were replaced: %s", diff)
		}
	}
	skip := "--skip-doctor"
	if !t.Run("a dry run changes nothing", func(t *testing.T) {
		s.do(t, 0, []string{"2 containers run", "dry run: would stop"}, "", "upgrade-kubelet", "--dry-run", skip, built.patched)
		if _, err := os.Lstat(filepath.Dir(s.backups)); !os.IsNotExist(err) {
			t.Errorf("it made the folder of backups (%v)", err)
		}
		s.runs(t, built.stock)
		same(t)
	}) {
		t.FailNow()
	}
	t.Run("not healthy", func(t *testing.T) {
		s.do(t, 3, []string{"does not become healthy", "kubelet v1.30.14 runs"}, "", "upgrade-kubelet", skip, built.patched)
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
		s.do(t, 4, []string{"replaced containers needlessly", "kubelet v1.30.14 runs"}, "", "upgrade-kubelet", skip, built.nextStock)
		s.runs(t, built.stock)
		if now := s.running(t); slices.Contains([]string{now["app"], now["fixed"]}, first["fixed"]) {
			t.Errorf("the stock upgrade replaced nothing: %v", now)
		}
	})
}
