package firstrun

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

// process is a program that runs in the background, with its output in a log.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error // valid once done is closed
}

// start starts a program of the run, with a log in the run's folder. The kernel
// ends it with this process; what it has started by then is found by the marker.
func (w *workplace) start(name, program string, args ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(w.dir, name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	defer log.Close()
	p.cmd = exec.Command(program, args...)
	p.cmd.Env = append(os.Environ(), marker+"="+w.dir, "TMPDIR="+w.dir)
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

// alive reports whether the program still runs.
func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stop ends the program, gently at first.
func (p *process) stop() error {
	if !p.alive() {
		return nil
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
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

// wait asks until the answer is yes, the program has ended, or the time is up. A
// yes does not count once the program has ended.
func (p *process) wait(ctx context.Context, limit time.Duration, what string, ask func() (bool, error)) error {
	deadline := time.After(limit)
	for {
		yes, err := ask()
		if !p.alive() {
			return &ExitedError{Program: p.name, Err: p.err, Log: p.logEnd()}
		}
		if yes || err != nil {
			return err
		}
		select {
		case <-p.done: // the next round says so
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, context.Cause(ctx))
		case <-deadline:
			return fmt.Errorf("waited %s for %s; the log of %s ends with:\n%s", limit, what, p.name, p.logEnd())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// logEnd returns the last lines of the program's log.
func (p *process) logEnd() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-15):], []byte("\n")))
}
