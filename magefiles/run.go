//go:build mage

package main

import (
	"errors"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
)

// gcPercent is how much the heap may grow before garbage is collected.
const gcPercent = 40

// run opens the pipeline in the working directory, which mage makes the
// repository's root, and closes it whatever happens.
func run(do func(*pipeline.Pipeline) error) (err error) {
	if err := checkArguments(os.Args[1:]); err != nil {
		return err
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	defer endAsInterrupted()()
	// A fetch makes much garbage; collecting it earlier halves its memory.
	debug.SetGCPercent(gcPercent)
	p, err := pipeline.Open(pipeline.Config{
		Root: root, Command: "mage " + strings.Join(os.Args[1:], " "), Environment: os.Environ(),
		Messages: os.Stderr, Results: os.Stdout, Terminal: term.IsTerminal(int(os.Stderr.Fd())),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	return do(p)
}

// endAsInterrupted has a request to end, as of a job whose time is over, do what Ctrl-C
// does, until the function that it returns is called: mage ends the target's context for
// that alone, and a target then removes what it has on the host.
func endAsInterrupted() (stop func()) {
	requests := make(chan os.Signal, 1)
	signal.Notify(requests, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		for range requests {
			_ = syscall.Kill(os.Getpid(), syscall.SIGINT) // a process may signal itself
		}
	}()
	return func() {
		signal.Stop(requests)
		close(requests)
	}
}
