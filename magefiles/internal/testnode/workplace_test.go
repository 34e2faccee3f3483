package testnode

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// require skips a test on a host that can't run kubelets.
func require(t *testing.T) {
	t.Helper()
	if err := Require(); err != nil {
		t.Skip(err)
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
	if _, err := Claim(t.Context()); !errors.Is(err, os.ErrNotExist) {
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

// A folder whose name is a pattern is one folder, and its runs are found.
func TestCleanLeftoversInAFolderNamedLikeAPattern(t *testing.T) {
	require(t)
	dir := filepath.Join(t.TempDir(), "[a-z]*")
	left := filepath.Join(dir, dirPrefix+"left")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := cleanLeftovers(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the leftover: got %v, want that it is gone", err)
	}
}

func TestClaimRefusesALongPath(t *testing.T) {
	require(t)
	dir := filepath.Join(t.TempDir(), strings.Repeat("a", socketPathLimit))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	if _, err := Claim(t.Context()); err == nil || !strings.Contains(err.Error(), "set TMPDIR to a shorter path") {
		t.Errorf("got %v, want what to set", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left %v behind (%v)", entries, err)
	}
}
