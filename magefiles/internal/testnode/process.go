package testnode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Process is a program that runs in the background, with its output in a log.
type Process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error // valid once done is closed
}

// Start starts a program of the run, with its output in <name>.log in the run's
// folder. The kernel ends it with this process; what it has started by then is
// found and ended when the workplace is cleaned.
func (w *Workplace) Start(name, program string, args ...string) (*Process, error) {
	return Start(w.dir, name, program, args...)
}

// Start is what [Workplace.Start] does, for a run whose folder is dir. It claims
// nothing.
func Start(dir, name, program string, args ...string) (*Process, error) {
	p := &Process{name: name, log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	defer log.Close()
	p.cmd = exec.Command(program, args...)
	p.cmd.Env = append(os.Environ(), marker+"="+dir, "TMPDIR="+dir)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID returns the process ID, also after the program has ended.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exited returns an *ExitedError once the program has ended, and nil before.
func (p *Process) Exited() error {
	if p.Alive() {
		return nil
	}
	return &ExitedError{Program: p.name, Err: p.err, Log: p.LogEnd()}
}

// Alive reports whether the program still runs.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Stop ends the program with SIGTERM, or with SIGKILL when it has not ended 20
// seconds later. It returns when the program has ended. One that ended by itself is
// no error.
func (p *Process) Stop() error {
	return p.end(syscall.SIGTERM, syscall.SIGKILL)
}

// End is Stop, or Kill once ctx has ended, as after Ctrl-C: then somebody waits for it.
func (p *Process) End(ctx context.Context) error {
	if ctx.Err() != nil {
		return p.Kill()
	}
	return p.Stop()
}

// Kill ends the program with SIGKILL, and returns when it has ended.
func (p *Process) Kill() error { return p.end(syscall.SIGKILL) }

func (p *Process) end(signals ...syscall.Signal) error {
	if !p.Alive() {
		return nil
	}
	for _, signal := range signals {
		if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("ending %s: %w", p.name, err)
		}
		select {
		case <-p.done:
			return nil
		case <-time.After(20 * time.Second):
		}
	}
	return fmt.Errorf("ending %s: it does not end", p.name)
}

// ExitedError says that a program ended by itself, with the end of its log.
type ExitedError struct {
	Program string
	Err     error
	Log     string
}

func (e *ExitedError) Error() string {
	return fmt.Sprintf("%s ended by itself (%v); its log ends with:\n%s", e.Program, e.Err, e.Log)
}

// Unwrap returns how the program ended.
func (e *ExitedError) Unwrap() error { return e.Err }

// Wait asks until the answer is yes, the program has ended, or the time is up. A
// yes does not count once the program has ended.
func (p *Process) Wait(ctx context.Context, limit time.Duration, what string, ask func() (bool, error)) error {
	deadline := time.After(limit)
	for {
		yes, err := ask()
		if !p.Alive() {
			return p.Exited()
		}
		if yes || err != nil {
			return err
		}
		select {
		case <-p.done: // the next round says so
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, context.Cause(ctx))
		case <-deadline:
			return fmt.Errorf("waited %s for %s; the log of %s ends with:\n%s", limit, what, p.name, p.LogEnd())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Log returns the path of the program's log.
func (p *Process) Log() string { return p.log }

// LogEnd returns the last lines of the program's log.
func (p *Process) LogEnd() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-15):], []byte("\n")))
}
