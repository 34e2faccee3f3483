package command_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/command"
)

func TestFailureCarriesArgumentsAndStandardError(t *testing.T) {
	err := command.Command{Args: []string{"sh", "-c", "echo 'disk is full' >&2; exit 3"}}.Run(t.Context())
	var failed *command.Error
	if !errors.As(err, &failed) {
		t.Fatalf("got %T (%v), want a *command.Error", err, err)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("the exit status is lost: %v", err)
	}
	// What it said comes first.
	if want := "running sh: exit status 3\ndisk is full\n(running sh -c 'echo '\\''disk is full'\\'' >&2; exit 3')"; err.Error() != want {
		t.Errorf("the error is\n%v, want\n%s", err, want)
	}
}

func TestArgumentsAreNotExpanded(t *testing.T) {
	out, err := command.Command{Args: []string{"printf", "%s", "$HOME `id` *"}}.Output(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(out), "$HOME `id` *"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMissingProgram(t *testing.T) {
	err := command.Command{Args: []string{"steadylet-no-such-program"}}.Run(t.Context())
	if !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v, want an error that is exec.ErrNotFound", err)
	}
}

// Cancelling must end a grandchild too: it is the compilers below a go command
// that would otherwise go on writing.
func TestCancelEndsGrandchildren(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- command.Command{Args: []string{"sh", "-c", "sleep 60 & echo $! > " + pidFile + ".new; mv " + pidFile + ".new " + pidFile + "; wait"}}.Run(ctx)
	}()
	pid := waitForPID(t, pidFile)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want an error that is context.Canceled", err)
	} else if want := "running sh: context canceled"; err.Error() != want {
		t.Errorf("the error is %q, want %q", err, want)
	}
	for range 3000 {
		if gone(pid) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("process %d survived the cancelled command", pid)
}

func waitForPID(t *testing.T, path string) int {
	t.Helper()
	for range 6000 {
		if data, err := os.ReadFile(path); err == nil {
			pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the child never wrote its process ID")
	return 0
}

// gone reports whether a process has ended; one that only waits to be reaped has.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}
