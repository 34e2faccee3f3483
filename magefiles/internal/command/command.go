// Package command runs other programs. A failure is an *Error with the program's
// argument vector and the end of its standard error. Cancelling the context ends
// the program together with every process it started; the error then is the
// context's cause, with the program's name alone.
//
// No shell is involved: arguments reach the program as they are.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Command is one program to run. The zero value of every field but Args is
// useful.
type Command struct {
	// Args is the program and its arguments. The program is looked up in PATH.
	Args []string
	// Dir is the working directory; empty means the caller's.
	Dir string
	// Env is the whole environment, as "NAME=value". Nil means the caller's.
	Env []string
	// Stderr also receives the program's standard error as it comes, if not nil.
	Stderr io.Writer
}

// Error says which program failed, how, and what it last wrote to its
// standard error. It wraps the cause: an *exec.Error when the program could not
// be started, an *exec.ExitError when it failed.
type Error struct {
	Args   []string
	Dir    string
	Stderr string
	Err    error
}

func (e *Error) Error() string {
	whole := "running " + quote(e.Args)
	if e.Dir != "" {
		whole += " in " + e.Dir
	}
	last := strings.TrimSpace(e.Stderr)
	if last == "" {
		return fmt.Sprintf("%s: %v", whole, e.Err)
	}
	// What it said comes before a command line that may fill the screen.
	return fmt.Sprintf("running %s: %v\n%s\n(%s)", short(e.Args), e.Err, last, whole)
}

// short is the program, and what it was told to do, as in "go build".
func short(args []string) string {
	if len(args) > 1 && len(args[1]) < 20 && !strings.HasPrefix(args[1], "-") {
		return quote(args[:2])
	}
	return quote(args[:1])
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// stderrKept is how much of a program's standard error an Error keeps, in bytes.
const stderrKept = 16 << 10

// waitDelay is how long a cancelled program may take over closing its output
// before it is left behind.
const waitDelay = 5 * time.Second

// Output runs the program and returns its standard output.
func (c Command) Output(ctx context.Context) ([]byte, error) {
	var out bytes.Buffer
	err := c.run(ctx, &out)
	return out.Bytes(), err
}

// Run runs the program and discards its standard output.
func (c Command) Run(ctx context.Context) error { return c.run(ctx, nil) }

func (c Command) run(ctx context.Context, stdout io.Writer) error {
	if len(c.Args) == 0 {
		return errors.New("running a command: no program is given")
	}
	var kept tail
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout = c.Dir, c.Env, stdout
	cmd.Stderr = &kept
	if c.Stderr != nil {
		cmd.Stderr = io.MultiWriter(&kept, c.Stderr)
	}
	// A process group of its own, so that cancelling reaches the compilers that
	// a go command started, and so that a terminal's interrupt reaches only us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = waitDelay
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		if err = cause; !errors.Is(cause, context.DeadlineExceeded) {
			return fmt.Errorf("running %s: %w", short(c.Args), cause)
		}
	}
	return &Error{Args: c.Args, Dir: c.Dir, Stderr: string(kept.data), Err: err}
}

// tail keeps the last stderrKept bytes written to it.
type tail struct{ data []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if excess := len(t.data) - stderrKept; excess > 0 {
		t.data = append(t.data[:0], t.data[excess:]...)
	}
	return len(p), nil
}

// quote shows an argument vector so that it can be pasted into a shell.
func quote(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = arg
		if arg == "" || strings.ContainsAny(arg, " \t\n'\"\\$&|;<>()*?[]{}~#!`") {
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
