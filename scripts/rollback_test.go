package scripts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/internal/programtest"
)

// backup makes a backup as upgrade-kubelet does, and returns its path.
func (n node) backup(t *testing.T, when, version, program string) string {
	t.Helper()
	if err := os.MkdirAll(n.path("backups"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := n.path("backups", "kubelet-"+when+"-"+version)
	copyFile(t, program, path)
	write(t, path+".sha256", digest(t, path)+"  "+filepath.Base(path)+"\n")
	return path
}

// Which backup is taken, what systemd is asked, and what runs then.
func TestRollbackKubelet(t *testing.T) {
	const newest, oldest = "20260102T000000Z", "20250102T000000Z"
	previous := func(t *testing.T) string { return buildKubelet(t, "v1.29.6", "well") }
	older := func(t *testing.T) string { return buildKubelet(t, "v1.28.15", "well") }
	current := func(t *testing.T) string { return buildKubelet(t, "v1.30.14", "well") }
	for name, test := range map[string]struct {
		prepare func(t *testing.T, n node)
		args    []string
		status  int
		says    string
		calls   string
		runs    func(t *testing.T) string
	}{
		"the newest":      {nil, nil, 0, "kubelet v1.29.6 runs", "cat show stop start", previous},
		"a named one":     {nil, []string{"kubelet-" + oldest + "-v1.28.15"}, 0, "kubelet v1.28.15 runs", "cat show stop start", older},
		"dry run":         {nil, []string{"--dry-run"}, 0, "would stop the kubelet", "cat show", current},
		"list":            {nil, []string{"--list"}, 0, "v1.29.6\twhole\nkubelet-" + oldest, "", current},
		"none, listed":    {func(t *testing.T, n node) { must(t, os.RemoveAll(n.path("backups"))) }, []string{"--list"}, 0, "there is no backup in", "", current},
		"not what runs":   {func(t *testing.T, n node) { n.backup(t, "20260202T000000Z", "v1.30.14", current(t)) }, nil, 0, "kubelet v1.29.6 runs", "cat show stop start", previous},
		"damaged":         {damageNewest, nil, 2, "is damaged", "cat show", current},
		"damaged, listed": {damageNewest, []string{"--list"}, 0, "v1.29.6\tdamaged", "", current},
		"no such backup":  {nil, []string{"kubelet-" + newest + "-v1.2.3"}, 2, "there is no backup", "cat show", current},
		"a path":          {nil, []string{"../../bin/sh"}, 1, "is no name of a backup", "", current},
		"sick": {func(t *testing.T, n node) {
			n.backup(t, "20260202T000000Z", "v1.29.7", buildKubelet(t, "v1.29.7", "sick"))
		}, []string{"--healthy-within=2"}, 3, "kubelet v1.30.14 runs", "cat show stop start stop reset-failed start", current},
		"replaces": {func(t *testing.T, n node) {
			n.backup(t, "20260202T000000Z", "v1.29.8", buildKubelet(t, "v1.29.8", "replaces"))
		}, nil, 6, "kubelet v1.29.8 runs", "cat show stop start", func(t *testing.T) string { return buildKubelet(t, "v1.29.8", "replaces") }},
		"none runs":        {func(t *testing.T, n node) { n.stop(t) }, nil, 0, "nothing is counted", "cat show stop start", previous},
		"a stale unit":     {func(t *testing.T, n node) { write(t, n.path("stale"), "") }, nil, 0, "warning: the files of unit kubelet changed", "cat show stop start", previous},
		"half a backup":    {func(t *testing.T, n node) { write(t, n.path("backups", ".partial.abc"), "half") }, nil, 0, "kubelet v1.29.6 runs", "cat show stop start", previous},
		"no backup at all": {func(t *testing.T, n node) { must(t, os.RemoveAll(n.path("backups"))) }, nil, 2, "there is no backup", "cat show", current},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t)
			n.backup(t, newest, "v1.29.6", previous(t))
			n.backup(t, oldest, "v1.28.15", older(t))
			if test.prepare != nil {
				test.prepare(t, n)
			}
			status, out := n.run(t, "rollback-kubelet", test.args...)
			if status != test.status || !strings.Contains(out, test.says) {
				t.Errorf("status %d, want %d with %q:\n%s", status, test.status, test.says, out)
			}
			if calls := n.calls(t); calls != test.calls {
				t.Errorf("systemctl was called with %q, want %q", calls, test.calls)
			}
			n.runs(t, test.runs(t))
			n.clean(t)
			if name != "no backup at all" && name != "none, listed" {
				n.noNote(t)
			}
		})
	}
}

// damageNewest changes a byte of a backup.
func damageNewest(t *testing.T, n node) {
	t.Helper()
	path := n.path("backups", "kubelet-20260102T000000Z-v1.29.6")
	must(t, programtest.Write(path, read(t, path)+"x"))
}

// What was rolled back can be put back again.
func TestRollbackAndForward(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	for _, step := range []struct {
		script string
		args   []string
		runs   string
	}{
		{"upgrade-kubelet", []string{"--skip-doctor", next(t)}, next(t)},
		{"rollback-kubelet", nil, buildKubelet(t, "v1.30.14", "well")},
		{"rollback-kubelet", nil, next(t)},
	} {
		if status, out := n.run(t, step.script, step.args...); status != 0 {
			t.Fatalf("%s: status %d\n%s", step.script, status, out)
		}
		n.runs(t, step.runs)
	}
	n.clean(t)
	if log := read(t, n.path("backups", "log")); strings.Count(log, "in place; waiting") != 3 {
		t.Errorf("the log does not have all runs:\n%s", log)
	}
}
