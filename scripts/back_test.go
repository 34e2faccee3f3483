package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/programtest"
)

// stub puts a program of that name before the others. It is run with sh.
func (n node) stub(t *testing.T, name, text string) {
	t.Helper()
	must(t, programtest.Write(n.path("stubs", name), "#!/bin/sh\n"+text+"\n"))
}

// What goes wrong on the way back leaves a kubelet that runs, whichever it is, and what
// is said of it is true.
func TestTheWayBackFails(t *testing.T) {
	well := func(t *testing.T) string { return buildKubelet(t, "v1.30.14", "well") }
	of := func(behaviour string) func(t *testing.T) string {
		return func(t *testing.T) string { return buildKubelet(t, patched, behaviour) }
	}
	for name, test := range map[string]struct {
		behaviour string
		prepare   func(t *testing.T, n node)
		status    int
		says      string
		calls     string
		runs      func(t *testing.T) string
	}{
		"the program of before is gone": {"replaces", func(t *testing.T, n node) {
			n.before(t, `case "$*" in *--started*) rm -f `+n.path("bin")+`/.kubelet-before.* ;; esac`)
		}, 6, "take a backup from", "cat show stop start stop reset-failed start", of("replaces")},
		"the disk does not sync": {"replaces", func(t *testing.T, n node) {
			// Once for the new program, and not for the old one.
			n.stub(t, "sync", `[ "$2" != "`+n.path("bin")+`" ] || mkdir "`+n.path("synced")+`"`)
		}, 4, "see whether it works", "cat show stop start stop reset-failed start", well},
		"a signal hits the rename": {"replaces", func(t *testing.T, n node) {
			n.stub(t, "mv", `case "$*" in *"/.kubelet-before."*) kill -INT $$ ;; esac; exec `+program(t, "mv")+` "$@"`)
		}, 4, "kubelet v1.30.14 runs", "cat show stop start stop reset-failed start", well},
		"signals hit what reads the programs": {"replaces", func(t *testing.T, n node) {
			n.before(t, `case "$*" in *--started*) : >`+n.path("back")+` ;; esac`)
			n.stub(t, "sha256sum", `[ ! -e "`+n.path("back")+`" ] || kill -INT $$; exec `+program(t, "sha256sum"))
		}, 4, "kubelet v1.30.14 runs", "cat show stop start stop reset-failed start", well},
		"systemd has enough of starts": {"replaces", func(t *testing.T, n node) {
			write(t, n.path("limit"), "")
		}, 4, "kubelet v1.30.14 runs", "cat show stop start stop reset-failed start", well},
		"nothing starts any more": {"well", func(t *testing.T, n node) {
			write(t, n.path("dead"), "")
		}, 7, "The program of before is in place", "cat show stop start stop reset-failed start reset-failed start reset-failed start", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t)
			test.prepare(t, n)
			status, out := n.run(t, "upgrade-kubelet", "--skip-doctor", within(test.behaviour), buildKubelet(t, patched, test.behaviour))
			if status != test.status || !strings.Contains(out, test.says) {
				t.Errorf("status %d, want %d with %q:\n%s", status, test.status, test.says, out)
			}
			if calls := n.calls(t); calls != test.calls {
				t.Errorf("systemctl was called with %q, want %q", calls, test.calls)
			}
			if test.runs != nil {
				n.runs(t, test.runs(t))
			} else if read(t, n.path("bin", "kubelet")) != read(t, well(t)) {
				t.Error("another kubelet is in place")
			}
			n.clean(t)
			n.noNote(t)
		})
	}
}

// program returns the path of the one of that name.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	must(t, err)
	return path
}

// noNote wants no note of a run that was killed.
func (n node) noNote(t *testing.T) {
	t.Helper()
	if left, err := filepath.Glob(n.path("backups", "*note*")); err != nil || len(left) > 0 {
		t.Errorf("a note is left: %v, %v", left, err)
	}
	if left, err := filepath.Glob(n.path("backups", ".*")); err != nil || len(left) > 0 {
		t.Errorf("left in the backups: %v, %v", left, err)
	}
}

// kill kills a script just before a call of systemctl or mv, and returns what it said.
func (n node) kill(t *testing.T, at, script string, args ...string) string {
	t.Helper()
	name, when, _ := strings.Cut(at, " ")
	program := n.path("stubs", "systemctl.real")
	if name != "systemctl" {
		program = "/bin/" + name
	} else {
		must(t, os.Rename(n.path("stubs", name), program))
	}
	// The stub is run by timeout where it is a request, and so is no child of the script.
	n.stub(t, name, `case "$*" in `+when+`)
    : >`+n.path("reached")+`
    while [ -e `+n.path("reached")+` ]; do sleep 0.1; done
    exit 1
    ;;
esac
exec `+program+` "$@"`)
	cmd := n.command(t, script, args...)
	log, err := os.Create(n.path("out"))
	must(t, err)
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	must(t, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	for !exists(n.path("reached")) {
		select {
		case <-ended:
			t.Fatalf("it ended before %s: %s", at, read(t, n.path("out")))
		case <-time.After(50 * time.Millisecond):
		}
	}
	must(t, cmd.Process.Signal(syscall.SIGKILL))
	<-ended
	must(t, os.Remove(n.path("reached")))
	must(t, os.Remove(n.path("stubs", name)))
	if name == "systemctl" {
		must(t, os.Rename(program, n.path("stubs", name)))
	}
	// The stub ends too, and with it the lock, which it got from the script.
	folder, err := os.Open(n.path("bin"))
	must(t, err)
	defer folder.Close()
	must(t, syscall.Flock(int(folder.Fd()), syscall.LOCK_EX))
	// Nobody was there to remove its notes of the moment.
	must(t, os.RemoveAll(n.path("tmp")))
	must(t, os.Mkdir(n.path("tmp"), 0o700))
	return read(t, n.path("out"))
}

// After a kill, the same command goes on, or begins anew, and rollback-kubelet goes back.
func TestUpgradeKilled(t *testing.T) {
	well := func(t *testing.T) string { return buildKubelet(t, "v1.30.14", "well") }
	const swap, start = "mv *.kubelet-new*", "systemctl start*"
	for name, test := range map[string]struct {
		behaviour, at, script string
		status                int
		says                  string
		runs                  func(t *testing.T) string
	}{
		"between stop and rename, again":                {"well", swap, "upgrade-kubelet", 0, "starting what is in place", next},
		"between stop and rename, back":                 {"well", swap, "rollback-kubelet", 0, "the upgrade had not replaced it", well},
		"between rename and start, again":               {"well", start, "upgrade-kubelet", 0, "going on with it", next},
		"between rename and start, back":                {"well", start, "rollback-kubelet", 0, "kubelet v1.30.14 runs", well},
		"between rename and start of a sick one":        {"sick", start, "upgrade-kubelet", 3, "going back to kubelet v1.30.14", well},
		"between rename and start of one that replaces": {"replaces", start, "upgrade-kubelet", 4, "going on with it", well},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t)
			program := buildKubelet(t, patched, test.behaviour)
			killed := n.kill(t, test.at, "upgrade-kubelet", "--skip-doctor", program)
			args := []string{within(test.behaviour)}
			if test.script == "upgrade-kubelet" {
				args = append(args, "--skip-doctor", program)
			}
			dry, out := n.run(t, test.script, append(args, "--dry-run")...)
			if !strings.Contains(out, "was killed after") || !exists(n.path("backups", "note")) {
				t.Errorf("the dry run: status %d\n%s", dry, out)
			}
			status, out := n.run(t, test.script, args...)
			if status != test.status || !strings.Contains(out, test.says) {
				t.Errorf("status %d, want %d with %q:\n%s\n%s", status, test.status, test.says, killed, out)
			}
			n.calls(t)
			n.runs(t, test.runs(t))
			n.clean(t)
			n.noNote(t)
		})
	}
}

// A rollback that was killed goes on forward, not back to what it left.
func TestRollbackKilled(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	previous := buildKubelet(t, "v1.29.6", "well")
	n.backup(t, "20260102T000000Z", "v1.29.6", previous)
	killed := n.kill(t, "systemctl start*", "rollback-kubelet")
	status, out := n.run(t, "rollback-kubelet")
	if status != 0 || !strings.Contains(out, "going on with it") {
		t.Errorf("status %d\n%s\n%s", status, killed, out)
	}
	n.runs(t, previous)
	n.clean(t)
	n.noNote(t)
}

// A kubelet that runs from another program than the one in place has no way back.
func TestUpgradeOfAReplacedProgram(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	packaged := buildKubelet(t, "v1.30.15", "well")
	copyFile(t, packaged, n.path("bin", "kubelet.dpkg-new"))
	must(t, os.Rename(n.path("bin", "kubelet.dpkg-new"), n.path("bin", "kubelet")))
	status, out := n.run(t, "upgrade-kubelet", "--skip-doctor", next(t))
	if status != 2 || !strings.Contains(out, "is not the program at") || !strings.Contains(out, "nothing was changed") {
		t.Errorf("status %d\n%s", status, out)
	}
	if calls := n.calls(t); calls != "cat show" {
		t.Errorf("systemctl was called with %q", calls)
	}
	// What it says is what helps.
	_, remedy, _ := strings.Cut(out, "  cp -p ")
	remedy, _, _ = strings.Cut(remedy, "\n")
	if status, out := run(t, exec.CommandContext(t.Context(), "sh", "-c", "cp -p "+remedy)); status != 0 {
		t.Fatalf("status %d\n%s", status, out)
	}
	program := n.path("bin", "kubelet.new")
	if read(t, program) != read(t, packaged) {
		t.Error("the packaged program is lost")
	}
	status, out = n.run(t, "upgrade-kubelet", "--skip-doctor", program)
	if status != 0 || !strings.Contains(out, "v1.30.14 -> v1.30.15") {
		t.Errorf("status %d\n%s", status, out)
	}
	must(t, os.Remove(program))
	n.runs(t, packaged)
	n.backedUp(t, buildKubelet(t, "v1.30.14", "well"), true)
	n.clean(t)
}

// What a run left long ago is over where its kubelet runs since: what was replaced
// meanwhile is none of its business.
func TestKilledLongAgo(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.kill(t, "systemctl start*", "upgrade-kubelet", "--skip-doctor", next(t))
	if status, out := run(t, exec.CommandContext(t.Context(), n.path("stubs", "systemctl"), "start", "kubelet")); status != 0 {
		t.Fatal(out)
	}
	n.await(t)
	write(t, n.path("root", "replaced"), "")
	before := time.Now().Add(-2 * time.Hour)
	must(t, os.Chtimes(n.path("backups", "note"), before, before))
	status, out := n.run(t, "upgrade-kubelet", "--skip-doctor", next(t))
	if status != 2 || !strings.Contains(out, "that is over") || !strings.Contains(out, "is what runs already") {
		t.Errorf("status %d\n%s", status, out)
	}
	n.runs(t, next(t))
	n.clean(t)
	n.noNote(t)
}

// A path that is a link is followed, with a warning.
func TestUpgradeOfALinkedProgram(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	path := n.path("kubelet.link")
	link(t, n.path("bin", "kubelet"), path)
	write(t, n.path("unit"), "[Service]\nExecStart="+path+"\n")
	status, out := n.run(t, "upgrade-kubelet", "--kubelet", path, "--dry-run", "--skip-doctor", next(t))
	if status != 0 || strings.Count(out, "a link") != 2 || !strings.Contains(out, "the program that is replaced is "+n.path("bin", "kubelet")) {
		t.Errorf("status %d\n%s", status, out)
	}
}

// Under another supervisor it is asked for nothing but a stop and a start.
func TestUpgradeUnderAnotherSupervisor(t *testing.T) {
	for behaviour, want := range map[string]struct {
		status int
		calls  string
	}{"well": {0, "stop start"}, "replaces": {4, "stop start stop start"}} {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			n := startNode(t)
			n.stub(t, "stop", "exec "+n.path("stubs", "systemctl")+" stop kubelet")
			n.stub(t, "start", "exec "+n.path("stubs", "systemctl")+" start kubelet")
			status, out := n.run(t, "upgrade-kubelet", "--skip-doctor", "--stop-command", n.path("stubs", "stop"), "--start-command", n.path("stubs", "start"),
				buildKubelet(t, patched, behaviour))
			if status != want.status {
				t.Errorf("status %d\n%s", status, out)
			}
			if calls := n.calls(t); calls != want.calls {
				t.Errorf("it was asked for %q, want %q", calls, want.calls)
			}
			n.clean(t)
			n.noNote(t)
		})
	}
}
