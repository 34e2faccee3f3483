package firstrun

import (
	"context"
	"errors"
	"flag"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
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
	if err := Require(); err != nil {
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

func standIn(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("testdata/kubelet.sh")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// host is what a run might leave behind on it, without what other programs do.
type host struct {
	Folders, Mounts, Cgroups, Sockets, PodLogs []string
	Processes                                  []int
	Panic                                      string
}

func observe(t *testing.T, dir string) host {
	t.Helper()
	glob := func(pattern string) []string {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	h := host{Folders: glob(filepath.Join(dir, "*")), Sockets: glob("/run/containerd/s/*")}
	mounts, err := mountPoints()
	if err != nil {
		t.Fatal(err)
	}
	for _, mount := range mounts {
		if strings.HasPrefix(mount.point, dir) {
			h.Mounts = append(h.Mounts, mount.point)
		}
		if strings.HasPrefix(mount.kind, "cgroup") {
			h.Cgroups = append(h.Cgroups, glob(filepath.Join(mount.point, dirPrefix+"*"))...)
		}
	}
	for _, pattern := range []string{"/var/log/pods/" + dirPrefix + "*", "/var/log/containers/*_" + dirPrefix + "*"} {
		h.PodLogs = append(h.PodLogs, glob(pattern)...)
	}
	for _, folder := range h.Folders {
		pids, err := (&workplace{dir: folder}).processes()
		if err != nil {
			t.Fatal(err)
		}
		h.Processes = append(h.Processes, pids...)
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
	next := script(t, "test $# = 1\n")
	dir := temporary(t)
	before := observe(t, dir)
	killed := exec.Command(os.Args[0], "-run-only="+standIn(t))
	killed.Stderr = os.Stderr
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "the run to start a container", func() bool {
		started, err := filepath.Glob(filepath.Join(dir, dirPrefix+"*", "started"))
		return err == nil && len(started) > 0
	})
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed.Wait() //nolint:errcheck // it was killed
	left := observe(t, dir)
	if len(left.Folders) == 0 || len(left.Mounts) == 0 || len(left.Cgroups) == 0 || len(left.Processes) == 0 || left.Panic == before.Panic {
		t.Fatalf("a killed run leaves %+v: this test shows nothing", left)
	}
	_, err := Run(t.Context(), Options{Kubelet: next, Version: kubever.Version{Major: 1, Minor: 36}})
	var exited *ExitedError
	if !errors.As(err, &exited) {
		t.Errorf("got %v, want an *ExitedError", err)
	}
	if diff := cmp.Diff(before, observe(t, dir)); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}

func await(t *testing.T, what string, ask func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ask(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

// A second kubelet that dies replaces no container, which must not pass for an
// upgrade.
func TestUpgradeNeedsALiveKubelet(t *testing.T) {
	require(t)
	version := kubever.Version{Major: 1, Minor: 36}
	dead := Options{Kubelet: script(t, "echo unknown flag >&2; exit 1\n"), Version: version}
	dir := temporary(t)
	before := observe(t, dir)
	_, err := RunUpgrade(t.Context(), Options{Kubelet: standIn(t), Version: version}, dead, false)
	var exited *ExitedError
	if !errors.As(err, &exited) || !strings.Contains(err.Error(), "after the upgrade") || !strings.Contains(exited.Log, "unknown flag") {
		t.Errorf("got %v, want an *ExitedError after the upgrade with the kubelet's log", err)
	}
	if diff := cmp.Diff(before, observe(t, dir)); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}

// Anyone may make folders in /tmp: what is not this user's own folder is no
// leftover.
func TestCleanLeftoversSparesWhatIsNotOurs(t *testing.T) {
	require(t)
	dir, elsewhere := t.TempDir(), t.TempDir()
	kept := filepath.Join(elsewhere, "kept")
	foreign := filepath.Join(dir, dirPrefix+"foreign")
	ours := filepath.Join(dir, dirPrefix+"ours")
	if err := errors.Join(
		os.WriteFile(kept, nil, 0o600), os.Symlink(elsewhere, filepath.Join(dir, dirPrefix+"link")),
		os.Mkdir(foreign, 0o700), os.Chown(foreign, 65534, 65534), os.Mkdir(ours, 0o700),
	); err != nil {
		t.Fatal(err)
	}
	if err := cleanLeftovers(dir); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{kept, foreign} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(ours); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("our own leftover: got %v, want that it is gone", err)
	}
}

// A run that can't start lets the next one start.
func TestFailedClaimUnlocks(t *testing.T) {
	require(t)
	t.Setenv("TMPDIR", "/nonexistent")
	if _, err := claim(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that the folder for runs is not there", err)
	}
	lock, err := lockHost(t.Context(), hostLock)
	if err != nil {
		t.Fatal(err)
	}
	lock.Close()
}

func TestLockHost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := lockHost(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	cancel(interrupted)
	if _, err := lockHost(ctx, path); !errors.Is(err, interrupted) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want the interruption, and the lock's path", err)
	}
	first.Close()
	second, err := lockHost(ctx, path)
	if err != nil {
		t.Fatalf("the lock is free: %v", err)
	}
	second.Close()
}

func TestRefuseNode(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "kubelet.sock")
	if err := refuseNode(socket); err != nil {
		t.Errorf("no socket: %v", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	var node *NodeError
	if err := refuseNode(socket); !errors.As(err, &node) || node.Socket != socket {
		t.Errorf("a kubelet that answers: got %v, want a *NodeError", err)
	}
	listener.SetUnlinkOnClose(false)
	listener.Close()
	if err := refuseNode(socket); err != nil {
		t.Errorf("a socket that a dead kubelet left: %v", err)
	}
}
