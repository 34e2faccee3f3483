package scripts_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// list is the list of what ran before an upgrade that was killed, and note its note.
func (n node) list() string { return n.path("backups", "note.containers") }
func (n node) note() string { return n.path("backups", "note") }

// The run that takes a killed one over counts only by a list that is whole and of this boot.
// Where it has none, a healthy kubelet stays.
func TestTakeOver(t *testing.T) {
	well := func(t *testing.T) string { return buildKubelet(t, "v1.30.14", "well") }
	torn := func(t *testing.T, n node) { must(t, os.Truncate(n.list(), int64(len(read(t, n.list()))/2))) }
	for name, test := range map[string]struct {
		behaviour string
		prepare   func(t *testing.T, n node)
		status    int
		says      string
		runs      func(t *testing.T) string
	}{
		"empty":   {"well", func(t *testing.T, n node) { must(t, os.Truncate(n.list(), 0)) }, 6, "is lost or damaged", next},
		"missing": {"well", func(t *testing.T, n node) { must(t, os.Remove(n.list())) }, 6, "is lost or damaged", next},
		"torn":    {"well", torn, 6, "is lost or damaged", next},
		"zeros": {"well", func(t *testing.T, n node) {
			write(t, n.list(), strings.Repeat("\x00", len(read(t, n.list()))))
		}, 6, "is lost or damaged", next},
		"after a reboot": {"replaces", func(t *testing.T, n node) {
			n.renote(t, "boot .*", "boot 00000000-0000-0000-0000-000000000000")
		}, 6, "the node was rebooted since", func(t *testing.T) string { return buildKubelet(t, patched, "replaces") }},
		"no containers": {"replaces", func(t *testing.T, n node) {
			write(t, n.list(), regexp.MustCompile(`(?s)"containers":.*\]`).ReplaceAllString(read(t, n.list()), `"containers": []`))
			n.renote(t, "list .*", "list "+digest(t, n.list()))
		}, 0, "nothing was replaced needlessly", func(t *testing.T) string { return buildKubelet(t, patched, "replaces") }},
		"whole, and one was replaced": {"replaces", func(*testing.T, node) {}, 4, "replaced containers needlessly", well},
		"the program of before only in the backup": {"replaces", func(t *testing.T, n node) {
			left, err := filepath.Glob(n.path("bin", ".kubelet-before.*"))
			if err != nil || len(left) != 1 {
				t.Fatalf("beside the kubelet: %v, %v", left, err)
			}
			must(t, os.Remove(left[0]))
		}, 4, "kubelet v1.30.14 runs", well},
		"torn, and it is sick": {"sick", torn, 3, "does not become healthy", well},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t)
			program := buildKubelet(t, patched, test.behaviour)
			n.trace(t, ":", "sync", "mv")
			n.kill(t, "systemctl start*", "upgrade-kubelet", "--skip-doctor", program)
			test.prepare(t, n)
			status, out := n.run(t, "upgrade-kubelet", within(test.behaviour), "--skip-doctor", program)
			if status != test.status || !strings.Contains(out, test.says) {
				t.Errorf("status %d, want %d with %q:\n%s", status, test.status, test.says, out)
			}
			if test.status == 6 && !strings.Contains(out, "is healthy and stays, but which containers it replaced can't be told") {
				t.Errorf("it does not say that nothing is counted:\n%s", out)
			}
			for _, problem := range unsynced(n.steps(t)) {
				t.Error(problem)
			}
			n.runs(t, test.runs(t))
			n.clean(t)
			n.noNote(t)
		})
	}
}

// renote edits a line of the note.
func (n node) renote(t *testing.T, line, by string) {
	t.Helper()
	text := read(t, n.note())
	edited := regexp.MustCompile("(?m)^"+line+"$").ReplaceAllString(text, by)
	if edited == text {
		t.Fatalf("the note has no line %q:\n%s", line, text)
	}
	write(t, n.note(), edited)
}

// A rollback that goes on without the list says so.
func TestRollbackTakesOverWithoutAList(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	previous := buildKubelet(t, "v1.29.6", "well")
	n.backup(t, "20260102T000000Z", "v1.29.6", previous)
	n.kill(t, "systemctl start*", "rollback-kubelet")
	must(t, os.Truncate(n.list(), 0))
	status, out := n.run(t, "rollback-kubelet")
	if status != 0 || !strings.Contains(out, "going on with it") || !strings.Contains(out, "nothing is counted: the list of what ran before is lost or damaged") {
		t.Errorf("status %d\n%s", status, out)
	}
	n.runs(t, previous)
	n.noNote(t)
}

// A kubelet that is healthy is not put back because nobody can look at the containers.
func TestUpgradeThatCannotCount(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.before(t, `case "$*" in *--started*) echo "the runtime does not answer" >&2; exit 1 ;; esac`)
	status, out := n.run(t, "upgrade-kubelet", within("well"), "--skip-doctor", next(t))
	if status != 6 || strings.Count(out, "the runtime does not answer") != 1 || !strings.Contains(out, "is healthy and stays") {
		t.Errorf("status %d\n%s", status, out)
	}
	n.runs(t, next(t))
	n.clean(t)
	n.noNote(t)
}
