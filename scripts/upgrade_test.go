package scripts_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/statefile"
)

var made = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Each upgrade asks systemd for exactly this, and leaves exactly that kubelet.
func TestUpgradeKubelet(t *testing.T) {
	for name, test := range map[string]struct {
		behaviour string
		args      []string
		status    int
		says      string
		calls     string
		upgraded  bool
	}{
		"well":                {"well", nil, 0, "nothing was replaced needlessly", "cat show stop start", true},
		"stock":               {"well", nil, 0, "is stock, and reads none", "cat show stop start", true},
		"dry run":             {"well", []string{"--dry-run"}, 0, "would stop the kubelet (systemd:kubelet)", "cat show", false},
		"sick":                {"sick", nil, 3, "does not become healthy", "cat show stop start stop reset-failed start", false},
		"ends":                {"ends", nil, 3, "does not become healthy", "cat show stop start stop reset-failed start", false},
		"replaces":            {"replaces", nil, 4, "replaced containers needlessly", "cat show stop start stop reset-failed start", false},
		"replaces, and stays": {"replaces", []string{"--no-rollback"}, 6, "replaced containers needlessly", "cat show stop start", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t)
			version := patched
			if name == "stock" {
				version = "v1.31.0"
			}
			before, next := buildKubelet(t, "v1.30.14", "well"), buildKubelet(t, version, test.behaviour)
			status, out := n.run(t, "upgrade-kubelet", append(test.args, "--skip-doctor", within(test.behaviour), next)...)
			if status != test.status || !strings.Contains(out, test.says) {
				t.Errorf("status %d, want %d with %q:\n%s", status, test.status, test.says, out)
			}
			if calls := n.calls(t); calls != test.calls {
				t.Errorf("systemctl was called with %q, want %q", calls, test.calls)
			}
			after := before
			if test.upgraded {
				after = next
			}
			n.runs(t, after)
			n.clean(t)
			n.backedUp(t, before, name != "dry run")
			n.recorded(t, name != "dry run" && name != "stock")
		})
	}
}

// backedUp wants one backup of that program, or no folder of backups.
func (n node) backedUp(t *testing.T, program string, want bool) {
	t.Helper()
	if !want {
		if exists(n.path("backups")) {
			t.Error("the folder of backups was made")
		}
		return
	}
	found, err := filepath.Glob(n.path("backups", "kubelet-*-v1.30.14"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the backups are %v (%v)", found, err)
	}
	if read(t, found[0]) != read(t, program) {
		t.Error("the backup is another program")
	}
}

// recorded wants a state file of the kubelet of before, or none.
func (n node) recorded(t *testing.T, want bool) {
	t.Helper()
	state, err := statefile.Load(statefile.Path(n.path("root")))
	if !want {
		if !errors.Is(err, statefile.ErrMissing) {
			t.Errorf("there is a state file (%v)", err)
		}
		return
	}
	if err != nil || state.Kubelet.Version != "v1.30.14" {
		t.Errorf("the state file: %+v, %v", state, err)
	}
}

// What is refused is refused before anything is changed.
func TestUpgradeKubeletRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		// prepare returns more arguments.
		prepare func(t *testing.T, n node) []string
		status  int
		says    string
		calls   string
	}{
		"another program": {func(t *testing.T, n node) []string { return []string{buildSteadylet(t)} }, 2, "or not the one of", "cat show"},
		"no program": {func(t *testing.T, n node) []string {
			write(t, n.path("text"), "text")
			return []string{n.path("text")}
		}, 2, "neither a program nor a script", "cat show"},
		"another kubelet's manifest": {func(t *testing.T, n node) []string {
			write(t, n.path("new.manifest.json"), read(t, "testdata/stock.manifest.json"))
			copyFile(t, buildKubelet(t, patched, "well"), n.path("new"))
			return []string{n.path("new")}
		}, 2, "or not the one of", "cat show"},
		"the same":       {func(t *testing.T, n node) []string { return []string{buildKubelet(t, "v1.30.14", "well")} }, 2, "runs already", "cat show"},
		"no unit":        {func(t *testing.T, n node) []string { return []string{"--service", "systemd:", next(t)} }, 1, "want systemd:UNIT", ""},
		"unknown unit":   {func(t *testing.T, n node) []string { return []string{"--service", "systemd:other", next(t)} }, 2, unknownUnit(), "cat other"},
		"another's unit": {func(t *testing.T, n node) []string { n.unit(t, "plain"); return []string{next(t)} }, 2, "starts /usr/local/bin/kubelet", "cat"},
		"an empty unit":  {func(t *testing.T, n node) []string { n.unit(t, "forgotten"); return []string{next(t)} }, 2, "starts no program", "cat"},
		"a stale unit":   {func(t *testing.T, n node) []string { write(t, n.path("stale"), ""); return []string{next(t)} }, 2, "systemctl daemon-reload, and this again", "cat show"},
		"under way":      {lock, 2, "another run replaces", ""},
		"doctor objects": {func(t *testing.T, n node) []string {
			n.before(t, `[ "$1" != doctor ] || [ "$2" = --help ] || exit 6`)
			return []string{next(t)}
		}, 2, "doctor found", "cat show"},
		"switched off": {func(t *testing.T, n node) []string {
			must(t, os.Mkdir(n.path("root", "steadylet"), 0o700))
			write(t, n.path("root", "steadylet", "disable"), "")
			return []string{next(t)}
		}, 2, "switches steadylet off", "cat show"},
		"a static pod that it refuses": {naming, 2, "v1.34.4+steadylet.0123abcd refuses the static pod default/proxy-", "cat show"},
		"without doctor": {func(t *testing.T, n node) []string {
			n.before(t, `[ "$1" != doctor ] || exit 1`)
			return []string{next(t)}
		}, 2, "--skip-doctor", "cat show"},
		"no list of what runs": {func(t *testing.T, n node) []string {
			n.before(t, `[ "$1" != containers ] || exit 1`)
			return []string{"--skip-doctor", next(t)}
		}, 2, "was left alone; the state file was written", "cat show"},
		"backups a link": {func(t *testing.T, n node) []string {
			link(t, n.path("root"), n.path("backups"))
			return []string{next(t)}
		}, 2, "is a link", ""},
		"backups of all": {func(t *testing.T, n node) []string {
			must(t, errors.Join(os.Mkdir(n.path("backups"), 0o700), os.Chmod(n.path("backups"), 0o777)))
			return []string{next(t)}
		}, 2, "others may write", ""},
		"missing":        {func(t *testing.T, n node) []string { return []string{n.path("none")} }, 1, "no such file", ""},
		"two":            {func(t *testing.T, n node) []string { return []string{next(t), next(t)} }, 1, "is enough", ""},
		"none":           {func(t *testing.T, n node) []string { return nil }, 1, "which kubelet", ""},
		"unknown option": {func(t *testing.T, n node) []string { return []string{"--fast", next(t)} }, 1, "--fast is not known", ""},
		"no number":      {func(t *testing.T, n node) []string { return []string{"--calm", "soon", next(t)} }, 1, "want seconds", ""},
		"half a service": {func(t *testing.T, n node) []string { return []string{"--stop-command", "/bin/true", next(t)} }, 1, "go together", ""},
		"a shell command": {func(t *testing.T, n node) []string {
			return []string{"--stop-command", "/bin/true x", "--start-command", "/bin/true", next(t)}
		}, 1, "absolute path of a program", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t)
			status, out := n.run(t, "upgrade-kubelet", test.prepare(t, n)...)
			if status != test.status || !strings.Contains(out, test.says) {
				t.Errorf("status %d, want %d with %q:\n%s", status, test.status, test.says, out)
			}
			if calls := n.calls(t); calls != test.calls {
				t.Errorf("systemctl was called with %q, want %q", calls, test.calls)
			}
			n.runs(t, buildKubelet(t, "v1.30.14", "well"))
			n.clean(t)
			if backups, err := filepath.Glob(n.path("backups", "kubelet-*")); err != nil || len(backups) > 0 && name != "no list of what runs" {
				t.Errorf("there are backups: %v, %v", backups, err)
			}
		})
	}
}

// patched is the version of a patched kubelet.
const patched = "v1.31.0+steadylet.0123abcd"

// unknownUnit is what is said of a unit that systemd does not have.
func unknownUnit() string {
	if exists("/run/systemd/system") {
		return "systemd has no unit other: name it"
	}
	return "systemd does not run here: use --stop-command"
}

// next is a kubelet to upgrade to.
func next(t *testing.T) string { return buildKubelet(t, patched, "well") }

// lock holds the lock of another run until the test ends.
func lock(t *testing.T, n node) []string {
	t.Helper()
	folder, err := os.Open(n.path("bin"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return []string{next(t)}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// before has steadylet run a line of shell first.
func (n node) before(t *testing.T, line string) {
	t.Helper()
	command, moved := n.path("stubs", "steadylet"), n.path("stubs", "steadylet.moved")
	must(t, os.Rename(command, moved))
	must(t, programtest.Write(command, "#!/bin/sh\n"+line+"\nexec "+moved+" \"$@\"\n"))
}

// A signal, at two moments: the old kubelet runs, again or still. A kill leaves a whole
// program in place, and the next run tidies up.
func TestUpgradeKubeletInterrupted(t *testing.T) {
	for name, test := range map[string]struct {
		until  string
		signal syscall.Signal
	}{
		"before the swap, SIGINT":  {"containers run", syscall.SIGINT},
		"after the swap, SIGHUP":   {"is in place", syscall.SIGHUP},
		"after the swap, SIGTERM":  {"is in place", syscall.SIGTERM},
		"killed after the swap":    {"is in place", syscall.SIGKILL},
		"before anything, SIGTERM": {"upgrading", syscall.SIGTERM},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t)
			cmd := n.command(t, "upgrade-kubelet", "--skip-doctor", "--calm=20", next(t))
			status, out := signalled(t, cmd, test.until, test.signal)
			if test.signal == syscall.SIGKILL {
				rollback, more := n.run(t, "rollback-kubelet")
				if out += more; rollback != 0 {
					t.Errorf("rolling back: status %d\n%s", rollback, out)
				}
			} else if status != 5 {
				t.Errorf("status %d, want 5\n%s", status, out)
			}
			n.calls(t)
			n.runs(t, buildKubelet(t, "v1.30.14", "well"))
			if test.signal == syscall.SIGKILL {
				// Nobody was there to remove its notes.
				if err := os.RemoveAll(n.path("tmp")); err != nil {
					t.Error(err)
				}
				if err := os.Mkdir(n.path("tmp"), 0o700); err != nil {
					t.Error(err)
				}
			}
			n.clean(t)
		})
	}
}

// signalled runs a command and sends it a signal when its output says that, and once more
// while it goes back, which must not keep it from doing so.
func signalled(t *testing.T, cmd *exec.Cmd, until string, signal syscall.Signal) (int, string) {
	t.Helper()
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	// A process group of its own, as a shell gives one, so that SIGINT is not ignored.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), until) || strings.Contains(lines.Text(), "going back") {
			to := cmd.Process.Pid
			if signal == syscall.SIGINT {
				to = -to // a terminal asks the whole group
			}
			if err := syscall.Kill(to, signal); err != nil {
				t.Error(err)
			}
		}
	}
	_ = cmd.Wait() // its status is what the test looks at
	return cmd.ProcessState.ExitCode(), text.String()
}

// A kubelet that can't be stopped is left as it is.
func TestUpgradeKubeletThatIsStuck(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	write(t, n.path("stuck"), "")
	status, out := n.run(t, "upgrade-kubelet", "--skip-doctor", next(t))
	if status != 3 || !strings.Contains(out, "can't be stopped") || !strings.Contains(out, "kubelet v1.30.14 runs") {
		t.Errorf("status %d\n%s", status, out)
	}
	if calls := n.calls(t); calls != "cat show stop" {
		t.Errorf("systemctl was called with %q", calls)
	}
	n.runs(t, buildKubelet(t, "v1.30.14", "well"))
	n.clean(t)
}
