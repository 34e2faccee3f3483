package scripts_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/internal/programtest"
)

// What is refused is refused while the kubelet still runs, and what is only warned of is
// told by a dry run.
func TestDebugKubeletRefuses(t *testing.T) {
	const version = "v1.30.14"
	debug := func(t *testing.T, n node) []string { return []string{n.debugKubelet(t, version, "well", unoptimised)} }
	for name, test := range map[string]struct {
		args   func(t *testing.T, n node) []string
		status int
		says   string
	}{
		"no debug kubelet":  {func(*testing.T, node) []string { return nil }, 1, "which DEBUG_KUBELET?"},
		"no such program":   {func(*testing.T, node) []string { return []string{"/nowhere/kubelet"} }, 2, "is no program"},
		"another name":      {func(t *testing.T, n node) []string { return []string{renamed(t, debug(t, n)[0])} }, 2, "name it kubelet"},
		"no kubelet":        {func(*testing.T, node) []string { return []string{"/bin/true"} }, 2, "name it kubelet"},
		"port taken":        {func(t *testing.T, n node) []string { return append(debug(t, n), "--port", taken(t)) }, 2, "is taken: choose another"},
		"no such port":      {func(t *testing.T, n node) []string { return append(debug(t, n), "--port", "65536") }, 1, "want a port"},
		"reached by others": {func(t *testing.T, n node) []string { return append(debug(t, n), "--address", "0.0.0.0") }, 1, "come through ssh: ssh -N -L"},
		"another version": {func(t *testing.T, n node) []string {
			return []string{n.debugKubelet(t, "v1.31.0", "well", unoptimised)}
		}, 2, "that is an upgrade"},
		"no Delve":          {func(t *testing.T, n node) []string { return append(debug(t, n), "--dlv", "/bin/false") }, 1, "does not run as Delve does"},
		"stopped":           {func(t *testing.T, n node) []string { n.stop(t); return debug(t, n) }, 2, "start it first"},
		"two kubelets":      {second, 2, "2 kubelets run here"},
		"waits, attached":   {func(*testing.T, node) []string { return []string{"--attach", "--wait"} }, 1, "without a kubelet"},
		"two actions":       {func(*testing.T, node) []string { return []string{"--attach", "--install"} }, 1, "only one"},
		"nothing to remove": {func(*testing.T, node) []string { return []string{"--remove"} }, 2, "nothing was installed"},
		"log is a link":     {linkedLog, 2, "no plain file"},
		"dry run":           {func(t *testing.T, n node) []string { return append(debug(t, n), "--dry-run") }, 0, "would stop the kubelet (systemd:kubelet)"},
		"attached dry run":  {func(*testing.T, node) []string { return []string{"--attach", "--dry-run"} }, 0, "would attach to process"},
		"installed dry run": {func(t *testing.T, n node) []string { return append(debug(t, n), "--install", "--dry-run") }, 0, "ExecStart="},
		"allowed": {func(t *testing.T, n node) []string {
			return []string{n.debugKubelet(t, "v1.31.0", "well", unoptimised), "--allow-other-version", "--allow-remote", "--address", "0.0.0.0", "--dry-run"}
		}, 0, "may restart containers"},
		"optimised": {func(t *testing.T, n node) []string { return []string{n.debugKubelet(t, version, "well"), "--dry-run"} }, 0, "is optimised: variables can be unreadable"},
		"no DWARF": {func(t *testing.T, n node) []string {
			return []string{n.debugKubelet(t, version, "well", "-ldflags=-w"), "--dry-run"}
		}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t)
			s := n.debug(t, test.args(t, n)...)
			s.end(t, 0, test.status, test.says)
			if test.status == 2 && !strings.Contains(s.text(), "nothing was changed") {
				t.Errorf("it does not say that nothing was changed:\n%s", s.text())
			}
			if name != "stopped" && name != "two kubelets" {
				n.runs(t, buildKubelet(t, version, "well"))
			}
			if calls := n.calls(t); strings.NewReplacer("cat", "", "show", "", " ", "").Replace(calls) != "" {
				t.Errorf("systemctl was called with %q", calls)
			}
			for _, made := range []string{"log", "systemd"} {
				if exists(n.path(made)) {
					t.Errorf("%s was made", made)
				}
			}
			n.clean(t)
		})
	}
}

func renamed(t *testing.T, kubelet string) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(kubelet), "other")
	must(t, os.Rename(kubelet, path))
	return path
}

// taken returns a port that is listened at.
func taken(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// second starts a second kubelet of the same program.
func second(t *testing.T, n node) []string {
	t.Helper()
	cmd := exec.Command(n.path("bin", "kubelet"), "--config", n.path("other.json"), "--root-dir", n.path("root"))
	address := ownAddress()
	write(t, n.path("other.json"), `{"healthzBindAddress":"`+address+`","healthzPort":`+strconv.Itoa(freePort(t, address))+`}`)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	return []string{n.debugKubelet(t, "v1.30.14", "well", unoptimised)}
}

func linkedLog(t *testing.T, n node) []string {
	t.Helper()
	link(t, n.path("kubelet.log"), n.path("link"))
	return []string{n.debugKubelet(t, "v1.30.14", "well", unoptimised), "--output", n.path("link")}
}

// Without the right to trace nothing is done. (The value of yama can't be set back, so
// what is made of it is checked below.)
func TestDebugKubeletWithoutPtrace(t *testing.T) {
	programtest.NeedsRoot(t)
	t.Parallel()
	n := startNode(t)
	inner := n.debugKubelet(t, "v1.30.14", "well", unoptimised)
	cmd := exec.CommandContext(t.Context(), "setpriv", "--bounding-set=-sys_ptrace", filepath.Join(n.here, "debug-kubelet"),
		"--dlv", buildDelve(t), "--kubelet", n.path("bin", "kubelet"), "--output", n.path("log", "debug.log"), inner)
	cmd.Env = append(os.Environ(), "PATH="+n.path("stubs")+":"+os.Getenv("PATH"), "TMPDIR="+n.path("tmp"))
	if status, out := run(t, cmd); status != 2 || !strings.Contains(out, "takes the capability SYS_PTRACE") || !strings.Contains(out, "nothing was changed") {
		t.Errorf("status %d\n%s", status, out)
	}
	n.runs(t, buildKubelet(t, "v1.30.14", "well"))
	n.clean(t)
}

// sourced runs a function of the scripts.
func sourced(t *testing.T, input, line string) (int, string) {
	t.Helper()
	programtest.Needs(t, "bash", "bash")
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", "action=exec here=.; . ./debug-session.bash; . ./debug-unit.bash; "+line)
	cmd.Stdin = strings.NewReader(input)
	return run(t, cmd)
}

func TestPtraceRefusal(t *testing.T) {
	const all, none, others = "000001ffffffffff", "0000000000000000", "000001fffff7ffff"
	for name, test := range map[string]struct{ scope, capabilities, want string }{
		"no yama":         {"", all, ""},
		"classic":         {"0", all, ""},
		"restricted":      {"1", all, ""},
		"admin only":      {"2", all, ""},
		"nobody":          {"3", all, "kernel.yama.ptrace_scope is 3"},
		"no capabilities": {"0", none, "SYS_PTRACE"},
		"all but that":    {"", others, "SYS_PTRACE"},
	} {
		_, out := sourced(t, "", "ptrace_refusal '"+test.scope+"' "+test.capabilities)
		if !strings.Contains(out, test.want) || (test.want == "") != (out == "") {
			t.Errorf("%s: got %q, want %q", name, out, test.want)
		}
	}
}

func TestPortTaken(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue
   0: 0100007F:0929 00000000:0000 0A 00000000:00000000
   1: 0100007F:092A 0100007F:0929 01 00000000:00000000
   0: 00000000000000000000000001000000:0935 00000000000000000000000000000000:0000 0A 00000000:00000000
`
	for port, want := range map[string]int{"2345": 0, "2346": 1, "2357": 0, "2344": 1} {
		if status, out := sourced(t, table, "port_taken "+port); status != want {
			t.Errorf("port %s: status %d, want %d: %s", port, status, want, out)
		}
	}
}
