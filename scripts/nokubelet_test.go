package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/programtest"
)

// A unit of systemd may start a script that looks at no arguments and starts a kubelet.
// That, and any other program that is no kubelet by its content, is not run by any script,
// whatever its name and wherever its path is from.
func TestNothingIsRunThatIsNoKubelet(t *testing.T) {
	another := "is no kubelet: it is the program k8s.io/kubernetes/cmd/kubemark, and was not run"
	script := `is no kubelet: it is a script ("#!/bin/sh"), and was not run`
	for name, test := range map[string]struct {
		run  func(t *testing.T, n node) (status int, out string)
		says string
	}{
		"a start script in place": {func(t *testing.T, n node) (int, string) {
			return n.run(t, "upgrade-kubelet", "--kubelet", n.startScript(t), next(t))
		}, script},
		"the unit's start script": {func(t *testing.T, n node) (int, string) { return n.runOfUnit(t, "upgrade-kubelet", next(t)) }, script},
		"another program in place": {func(t *testing.T, n node) (int, string) {
			return n.run(t, "upgrade-kubelet", "--kubelet", n.another(t), next(t))
		}, another},
		"a start script, new":         {func(t *testing.T, n node) (int, string) { return n.run(t, "upgrade-kubelet", n.startScript(t)) }, "is no kubelet: it is a script"},
		"another program, new":        {func(t *testing.T, n node) (int, string) { return n.run(t, "upgrade-kubelet", n.another(t)) }, "it is no kubelet, or not the one of"},
		"another program that runs":   {func(t *testing.T, n node) (int, string) { n.replace(t); return n.run(t, "upgrade-kubelet", next(t)) }, another},
		"a start script, rolled back": {func(t *testing.T, n node) (int, string) { return n.runOfUnit(t, "rollback-kubelet") }, script},
		"a backup of a start script": {func(t *testing.T, n node) (int, string) {
			n.backup(t, "20260102T000000Z", "v1.29.6", n.startScript(t))
			return n.run(t, "rollback-kubelet")
		}, script},
		"a backup of another program": {func(t *testing.T, n node) (int, string) {
			n.backup(t, "20260102T000000Z", "v1.29.6", n.another(t))
			return n.run(t, "rollback-kubelet", "--dry-run")
		}, another},
		"a start script, debugged":      {func(t *testing.T, n node) (int, string) { return n.debugs(t, n.startScript(t)) }, script},
		"another program, debugged":     {func(t *testing.T, n node) (int, string) { return n.debugs(t, n.another(t)) }, another},
		"another program, installed":    {func(t *testing.T, n node) (int, string) { return n.debugs(t, "--install", n.another(t)) }, another},
		"another that runs, debugged":   {func(t *testing.T, n node) (int, string) { n.replace(t); return n.debugs(t, "--attach") }, another},
		"another that runs, its record": {func(t *testing.T, n node) (int, string) { n.replace(t); return n.stateOf(t, "--pid", n.pid(t)) }, another},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t)
			status, out := test.run(t, n)
			if want := map[bool]int{true: 1, false: 2}[strings.HasSuffix(name, "record")]; status != want || !strings.Contains(out, test.says) {
				t.Errorf("status %d, want %d with %q:\n%s", status, want, test.says, out)
			}
			n.ranNothing(t)
		})
	}
}

// generate-state.sh knows a kubelet without steadylet.
func TestGenerateStateRunsNothingThatIsNoKubelet(t *testing.T) {
	for name, test := range map[string]struct {
		args func(t *testing.T, n node) []string
		says string
	}{
		"a start script":            {func(t *testing.T, n node) []string { return []string{"--kubelet", n.startScript(t)} }, "is no kubelet: it is a script, and was not run"},
		"another program":           {func(t *testing.T, n node) []string { return []string{"--kubelet", n.another(t)} }, "is no kubelet: it is another program, and was not run"},
		"another program that runs": {func(t *testing.T, n node) []string { n.replace(t); return []string{"--pid", n.pid(t)} }, "is no kubelet: it is another program, and was not run"},
	} {
		for pack, shell := range shells {
			t.Run(name+" in "+pack, func(t *testing.T) {
				t.Parallel()
				if _, err := exec.LookPath(shell[0]); err != nil {
					t.Skipf("runs in %s: install Debian's package %s", shell[0], pack)
				}
				n := startNode(t)
				args := test.args(t, n)
				if args[0] == "--kubelet" {
					n.stop(t) // which would be found first
					args = append(args, "--root-dir", n.path("root"))
				}
				if status, out := generate(t, shell, args...); status != 1 || !strings.Contains(out, test.says) {
					t.Errorf("status %d, want 1 with %q:\n%s", status, test.says, out)
				}
				n.ranNothing(t)
			})
		}
	}
}

// startScript writes a start script that is called kubelet, and returns its path.
func (n node) startScript(t *testing.T) string {
	t.Helper()
	path := n.path("other", "kubelet")
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, programtest.Write(path, "#!/bin/sh\ntouch "+n.path("ran")+"\necho Kubernetes v1.30.14\n"))
	return path
}

// another makes a program that is called kubelet and is none, and returns its path.
func (n node) another(t *testing.T) string {
	t.Helper()
	path := n.path("other", "kubelet")
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	copyFile(t, build(t, "testdata/kubelet", "./cmd/kubemark", ""), path)
	return path
}

// replace has another program run in the place of the node's kubelet, whose own program is
// put back.
func (n node) replace(t *testing.T) {
	t.Helper()
	n.stop(t)
	for _, err := os.Readlink("/proc/" + n.pid(t) + "/exe"); err == nil; _, err = os.Readlink("/proc/" + n.pid(t) + "/exe") {
		time.Sleep(time.Millisecond)
	}
	kubelet := n.path("bin", "kubelet")
	must(t, os.Remove(kubelet))
	copyFile(t, n.another(t), kubelet)
	cmd := exec.Command(kubelet, "--config", n.path("kubelet.json"), "--root-dir", n.path("root"))
	_, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	write(t, n.path("pid"), strconv.Itoa(cmd.Process.Pid))
	must(t, os.Remove(kubelet))
	copyFile(t, buildKubelet(t, "v1.30.14", "well"), kubelet)
}

func (n node) pid(t *testing.T) string { return strings.TrimSpace(read(t, n.path("pid"))) }

// runOfUnit runs a script on a node where no kubelet runs and none is named: it looks at
// the unit, which starts a start script.
func (n node) runOfUnit(t *testing.T, script string, args ...string) (int, string) {
	t.Helper()
	n.stop(t)
	write(t, n.path("unit"), "[Service]\nExecStart="+n.startScript(t)+"\n")
	// Nodes of other tests have kubelets.
	n.before(t, `[ "$*" != "kubelet --print program" ] || exit 8`)
	cmd := n.command(t, script, args...)
	cmd.Args = slices.Delete(cmd.Args, 1, 3) // --kubelet
	return run(t, cmd)
}

// debugs runs debug-kubelet.
func (n node) debugs(t *testing.T, args ...string) (int, string) {
	t.Helper()
	s := n.debug(t, args...)
	<-s.done
	return s.cmd.ProcessState.ExitCode(), s.text()
}

// stateOf runs steadylet state generate.
func (n node) stateOf(t *testing.T, args ...string) (int, string) {
	t.Helper()
	return run(t, exec.CommandContext(t.Context(), n.path("stubs", "steadylet"), append([]string{"state", "generate"}, args...)...))
}

// ranNothing wants no program to have left its mark.
func (n node) ranNothing(t *testing.T) {
	t.Helper()
	for _, folder := range []string{".", "bin", "other", "backups"} {
		if exists(n.path(folder, "ran")) {
			t.Errorf("the program in %s was run", folder)
		}
	}
}
