//go:build mage

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
)

// gcPercent is how much the heap may grow before garbage is collected.
const gcPercent = 40

// run opens the pipeline in the working directory, which mage makes the
// repository's root, and closes it whatever happens. The context that do gets ends
// once somebody asks the target to.
func run(ctx context.Context, do func(context.Context, *pipeline.Pipeline) error) (err error) {
	if err := checkArguments(os.Args[1:]); err != nil {
		return err
	}
	ctx, stop := untilAsked(ctx)
	defer stop()
	root, err := os.Getwd()
	if err != nil {
		return err
	}
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
	return do(ctx, p)
}

// takeover is when mage has surely begun to wait for Ctrl-C itself, which it does beside
// the target's start.
const takeover = time.Second

// untilAsked returns a context that ends with the first request to end: Ctrl-C, or what a
// job gets whose time is over. The second one ends the process at once. A request that
// the process was started to ignore, as by nohup, stays ignored. Mage itself knows only
// Ctrl-C, and leaves a target five seconds to clean up after it, which a cluster on a busy
// host may not be gone in; so mage's own handling of it is taken away.
func untilAsked(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	requests, over := make(chan os.Signal, 2), make(chan struct{})
	heed := func(signals ...os.Signal) {
		for _, one := range signals {
			if !signal.Ignored(one) {
				signal.Notify(requests, one)
			}
		}
	}
	heed(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		defer signal.Stop(requests)
		wait := time.After(takeover)
		for asked := false; ; {
			select {
			case request := <-requests:
				if asked {
					os.Exit(1)
				}
				asked = true
				fmt.Fprintf(os.Stderr, "%s: cleaning up, then ending (once more: ends at once)\n", request)
				cancel(fmt.Errorf("asked to end: %s", request))
			case <-wait:
				if !signal.Ignored(os.Interrupt) {
					signal.Reset(os.Interrupt)
					heed(os.Interrupt)
				}
			case <-over:
				return
			}
		}
	}()
	return ctx, func() {
		close(over)
		cancel(nil)
	}
}
