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

// MissingError says which program a run lacks, and where to get it.
type MissingError struct {
	Program, Package string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is missing: install Debian's package %s", e.Program, e.Package)
}

// process is a program that runs in the background, with its output in a log.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error // valid once done is closed
}

// startProcess starts a program whose log goes to dir. The kernel ends it with
// this process.
func startProcess(name, program, dir string, args ...string) (*process, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		if errors.Is(err, exec.ErrNotFound) && name == "containerd" {
			return nil, &MissingError{Program: program, Package: name}
		}
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &process{name: name, log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	defer log.Close()
	p.cmd = exec.Command(path, args...)
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

// wait asks until the answer is yes, the program has ended, or the time is up.
func (p *process) wait(ctx context.Context, limit time.Duration, what string, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("waited %s for %s; the log of %s ends with:\n%s", limit, what, p.name, ""))
	defer cancel()
	for {
		if yes, err := ask(); yes || err != nil {
			return err
		}
		select {
		case <-p.done:
			return &ExitedError{Program: p.name, Err: p.err, Log: p.logEnd()}
		case <-ctx.Done():
			return fmt.Errorf("%w%s", context.Cause(ctx), p.logEnd())
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
