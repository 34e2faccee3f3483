package firstrun

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// runOnly makes the test program do one run of that kubelet, to be killed in it.
var runOnly = flag.String("run-only", "", "run this kubelet instead of the tests")

func TestMain(m *testing.M) {
	flag.Parse()
	if *runOnly != "" {
		_, err := Run(context.Background(), Options{Kubelet: *runOnly, Version: kubever.Version{Major: 1, Minor: 36}})
		if err != nil {
			println(err.Error())
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// require skips a test on a host that can't run kubelets.
func require(t *testing.T) {
	t.Helper()
	if err := testnode.Require(); err != nil {
		t.Skip(err)
	}
}

// temporary gives runs a folder of their own, shorter than t.TempDir for the sake
// of the sockets.
func temporary(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("TMPDIR", dir)
	return dir
}

// script writes a program.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// kubelet writes a program that is a kubelet by its content, and does what a script says.
func kubelet(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubelet")
	if err := programtest.WriteKubelet(path, script); err != nil {
		t.Fatal(err)
	}
	return path
}

func standIn(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/kubelet.sh")
	if err != nil {
		t.Fatal(err)
	}
	return kubelet(t, string(text))
}

// host is what a run might leave behind on it, without what other programs do.
type host struct {
	testnode.Traces
	// Sockets are those of shims, in a folder that the host's containerd may use too.
	Sockets []string
	Panic   string
}

// observe looks for what the test's own runs have on the host. The stand-in for a
// kubelet notes the run's name and its shim's socket in the file seen.
func observe(t *testing.T, dir string) host {
	t.Helper()
	seen, err := os.ReadFile(filepath.Join(dir, "seen"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var h host
	var names []string
	for line := range strings.Lines(string(seen)) {
		name, socket, _ := strings.Cut(strings.TrimSpace(line), " ")
		names = append(names, name)
		if _, err := os.Stat(strings.TrimPrefix(socket, "unix://")); err == nil {
			h.Sockets = append(h.Sockets, socket)
		}
	}
	if h.Traces, err = testnode.TracesIn(dir, names...); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("/proc/sys/kernel/panic")
	if err != nil {
		t.Fatal(err)
	}
	h.Panic = string(data)
	return h
}

func TestRunLeavesNothing(t *testing.T) {
	require(t)
	dir := temporary(t)
	before := observe(t, dir)
	report, err := Run(t.Context(), Options{Kubelet: standIn(t), Version: kubever.Version{Major: 1, Minor: 36}})
	if err != nil {
		t.Fatal(err)
	}
	if report.Version != "v0.0.0-test" || report.ContainerID != "app" || report.ContainerIDAfter != "app" || report.State != nil {
		t.Errorf("got %+v, want the container app and no state", report)
	}
	if diff := cmp.Diff(before, observe(t, dir)); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}

// Killing a run leaves shims, containers, mounts, control groups and a kernel
// setting. The next run removes them before it starts.
func TestKilledRunIsCleanedUpByTheNext(t *testing.T) {
	require(t)
	next := kubelet(t, "test $# = 1 && echo Kubernetes v1.36.3\n")
	dir := temporary(t)
	before := observe(t, dir)
	killed := exec.Command(os.Args[0], "-run-only="+standIn(t))
	killed.Stderr = os.Stderr
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "the run to start a container", func() bool {
		seen, err := os.ReadFile(filepath.Join(dir, "seen"))
		return err == nil && strings.HasSuffix(string(seen), "\n")
	})
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed.Wait() //nolint:errcheck // it was killed
	left := observe(t, dir)
	if len(left.Folders) == 0 || len(left.Mounts) == 0 || len(left.Cgroups) == 0 || len(left.Processes) == 0 || len(left.Sockets) == 0 || left.Panic == before.Panic {
		t.Fatalf("a killed run leaves %+v: this test shows nothing", left)
	}
	_, err := Run(t.Context(), Options{Kubelet: next, Version: kubever.Version{Major: 1, Minor: 36}})
	var exited *testnode.ExitedError
	if !errors.As(err, &exited) {
		t.Errorf("got %v, want an *ExitedError", err)
	}
	if diff := cmp.Diff(before, observe(t, dir)); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}

// awaitLimit has room for other runs on this host, which come one after the other.
const awaitLimit = 5 * time.Minute

func await(t *testing.T, what string, ask func() bool) {
	t.Helper()
	for deadline := time.Now().Add(awaitLimit); !ask(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", awaitLimit, what)
		}
	}
}

// A second kubelet that dies replaces no container, which must not pass for an
// upgrade.
func TestUpgradeNeedsALiveKubelet(t *testing.T) {
	require(t)
	version := kubever.Version{Major: 1, Minor: 36}
	dead := Options{Kubelet: kubelet(t, "echo unknown flag >&2; exit 1\n"), Version: version}
	dir := temporary(t)
	before := observe(t, dir)
	_, err := RunUpgrade(t.Context(), Options{Kubelet: standIn(t), Version: version}, dead, false, false)
	var exited *testnode.ExitedError
	if !errors.As(err, &exited) || !strings.Contains(err.Error(), "after the upgrade") || !strings.Contains(exited.Log, "unknown flag") {
		t.Errorf("got %v, want an *ExitedError after the upgrade with the kubelet's log", err)
	}
	if diff := cmp.Diff(before, observe(t, dir)); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}
