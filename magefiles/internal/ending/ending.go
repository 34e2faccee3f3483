// Package ending has a mage target end in good order when it is asked to, by Ctrl-C or by
// what bounds the time of a job, since what it has on the host must not stay there.
//
// Mage (v1.17, mage/template.go) heeds Ctrl-C alone, and leaves a target five seconds for
// what it has to do then: a cluster on a busy host may take longer.
package ending

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrAsked is matched by the cause of a context that ended because the process was asked
// to end.
var ErrAsked = errors.New("asked to end")

// takeover is when mage has begun to wait for Ctrl-C itself, which it does right after the
// start of the target.
const takeover = time.Second

// echo is how long a request may come once more without being another one: a terminal that
// is closed sends SIGHUP twice, by its shell and by the kernel.
const echo = 2 * time.Second

// Context returns a context that ends with the first request to end: SIGINT, SIGTERM,
// SIGHUP (unless it is ignored, as under nohup), or that mage, which started this process,
// is gone. Another request, later than two seconds after, ends the process with status 1.
// What the first one does is said on out.
//
// From one second after the call mage's own handling of Ctrl-C is no more. stop gives the
// signals back, mage's handling apart. One call at a time may be in force.
func Context(parent context.Context, out io.Writer) (ctx context.Context, stop func()) {
	return heed(parent, out, takeover, echo)
}

func heed(parent context.Context, out io.Writer, takeover, echo time.Duration) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	w := watch{out: out, echo: echo, cancel: cancel, requests: make(chan os.Signal, 8), starter: starter()}
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	signal.Notify(w.requests, signals...)
	over := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { w.run(over, takeover) })
	return ctx, func() {
		close(over)
		watching.Wait()
		signal.Stop(w.requests)
		cancel(nil)
	}
}

// watch waits for requests.
type watch struct {
	out      io.Writer
	echo     time.Duration
	cancel   context.CancelCauseFunc
	requests chan os.Signal
	starter  int
	asked    time.Time // when the first request came
}

func (w *watch) run(over <-chan struct{}, takeover time.Duration) {
	taken := time.After(takeover)
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-over:
			return
		case request := <-w.requests:
			w.ask(request.String())
		case <-taken:
			signal.Reset(os.Interrupt)
			signal.Notify(w.requests, os.Interrupt)
		case <-look.C:
			if w.starter != 0 && os.Getppid() != w.starter {
				w.starter = 0
				w.ask("mage is gone")
			}
		}
	}
}

// ask takes a request.
func (w *watch) ask(how string) {
	if !w.asked.IsZero() {
		if time.Since(w.asked) > w.echo {
			os.Exit(1)
		}
		return
	}
	w.asked = time.Now()
	// Whoever read what this process says may have been asked too.
	signal.Ignore(syscall.SIGPIPE)
	w.cancel(fmt.Errorf("%w: %s", ErrAsked, how))
	fmt.Fprintf(w.out, "%s: cleaning up, then ending (once more: ends at once)\n", how)
}

// starter returns the process ID of mage, if that started this process, or else 0: another
// one may end and leave this one running, as a shell does.
func starter() int {
	parent := os.Getppid()
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", parent))
	if err != nil || strings.TrimSuffix(filepath.Base(program), " (deleted)") != "mage" {
		return 0
	}
	return parent
}
