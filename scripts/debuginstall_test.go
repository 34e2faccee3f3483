package scripts_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What systemd runs with the drop-in, from units as systemctl cat prints them.
func TestDropIn(t *testing.T) {
	const begin = "/opt/dlv exec --headless /opt/kubelet --"
	for unit, want := range map[string]string{
		"kubeadm":   begin + " $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS",
		"prefixed":  "-" + begin + " --config=/etc/kubelet.yaml",
		"commented": begin + " --config=/etc/kubelet.yaml --v=2",
		"forgotten": "",
	} {
		status, out := sourced(t, read(t, "testdata/units/"+unit), `drop_in "$(unit_command)" /opt/dlv --headless /opt/kubelet`)
		if want == "" {
			if status == 0 {
				t.Errorf("%s: a unit without a program gets a drop-in:\n%s", unit, out)
			}
			continue
		}
		if status != 0 || !strings.Contains(strings.Join(strings.Fields(out), " "), " ExecStart= ExecStart="+want+" #") {
			t.Errorf("%s: status %d, want %q:\n%s", unit, status, want, out)
		}
	}
}

// The drop-in comes and goes, and the unit's own variables still count.
func TestDebugKubeletInstall(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	arguments, _, _ := n.started(t, n.path("bin", "kubelet"))
	debug := n.debugKubelet(t, "v1.30.14", "well", unoptimised)
	dropIn := n.path("systemd", "kubelet.service.d", "99-debug-kubelet.conf")
	n.trace(t, ":", "sync", "mv")
	n.debug(t, "--install", debug).end(t, 0, 0, "installed "+dropIn)
	t.Cleanup(func() {
		if exists(dropIn) {
			n.debug(t, "--remove").end(t, 0, 0)
		}
	})
	under, _, _ := n.started(t, debug)
	if diff := cmp.Diff(arguments, under); diff != "" {
		t.Errorf("it runs with other arguments: %s", diff)
	}
	n.debug(t, "--install", debug).end(t, 0, 2, "nothing was changed")
	n.debug(t, "--remove", "--dry-run").end(t, 0, 0, "would remove "+dropIn)
	if !exists(dropIn) {
		t.Fatal("a dry run removed the drop-in")
	}
	n.debug(t, "--remove").end(t, 0, 0, "runs as before")
	if exists(filepath.Dir(dropIn)) {
		t.Errorf("its folder is left")
	}
	n.wholeAgain(t, debug, arguments)
	steps := n.steps(t)
	for _, problem := range unsynced(steps) {
		t.Error(problem)
	}
	if last := steps[len(steps)-1]; last != "sync -- "+filepath.Dir(dropIn) {
		t.Errorf("a loss of power may bring the drop-in back: the last step is %q", last)
	}
}

// A drop-in with which the unit does not come up is taken back.
func TestDebugKubeletInstallFails(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	arguments, _, _ := n.started(t, n.path("bin", "kubelet"))
	debug := n.debugKubelet(t, "v1.30.14", "sick", unoptimised)
	n.debug(t, "--install", "--healthy-within=20", debug).end(t, 0, 3, "does not become healthy", "runs as before")
	if calls := n.calls(t); calls != "cat show cat daemon-reload reset-failed restart daemon-reload reset-failed restart cat" {
		t.Errorf("systemctl was called with %q", calls)
	}
	if exists(n.path("systemd", "kubelet.service.d")) {
		t.Error("the drop-in is left")
	}
	n.wholeAgain(t, debug, arguments)
}

// A set of breakpoints is printed without a node.
func TestBreakpoints(t *testing.T) {
	for _, set := range []string{"restart", "startup", "sync"} {
		status, out := sourced(t, "", "exec ./debug-kubelet --breakpoints "+set)
		if status != 0 || out != read(t, filepath.Join("breakpoints", set+".dlv")) {
			t.Errorf("%s: status %d\n%s", set, status, out)
		}
	}
	for _, set := range []string{"none", "../restart", ""} {
		if status, out := sourced(t, "", "exec ./debug-kubelet --breakpoints='"+set+"'"); status != 1 {
			t.Errorf("%q: status %d\n%s", set, status, out)
		}
	}
}

// What a restart would start is read from the unit with its drop-ins, and a difference is
// told before anything is done.
func TestDebugKubeletComparesTheUnit(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	units, err := filepath.Abs("../internal/kubeletunit/testdata/kubeadm")
	must(t, err)
	n.before(t, `[ "$1 $2 $3" != "kubelet --print unit" ] || set -- "$@" --units `+units)
	s := n.debug(t, "--attach", "--dry-run")
	s.end(t, 0, 0, "the unit would start it with other arguments", "--container-runtime-endpoint=unix:///run/containerd/containerd.sock", "--config "+n.path("kubelet.json"))
	n.clean(t)
}
