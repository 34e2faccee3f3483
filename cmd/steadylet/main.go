// Command steadylet looks after a node whose kubelet is upgraded in place. See its
// README.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/steadylet/steadylet/internal/certs"
	"github.com/steadylet/steadylet/internal/controlplane"
	"github.com/steadylet/steadylet/internal/kubelethealth"
	"github.com/steadylet/steadylet/internal/kubeletproc"
	"github.com/steadylet/steadylet/internal/nodestate"
	"github.com/steadylet/steadylet/statefile"
)

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// run executes one command line and returns the exit status.
func run(args []string, s streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	proc := kubeletproc.Here()
	root := newRoot(app{streams: s, proc: &proc})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintf(s.err, "steadylet: %v\n", err)
	}
	return exitCode(err)
}

// Exit statuses, as in rootHelp.
const (
	exitOther   = 1
	exitDamaged = 2
	exitMissing = 3
	exitFuture  = 4
	exitRefused = 5
	exitFound   = 6
	// exitReplaced and exitUnhealthy are of containers, kubelet and certs restart.
	exitReplaced  = 7
	exitUnhealthy = 8
	// 9 and 10 are exitExpiring and exitExpired.
	exitIncomplete = 11
)

var (
	errDiffers    = errors.New("the kubelet is not what it should be")
	errNoManifest = errors.New("there is no manifest to compare with")
	errReplaced   = errors.New("containers were replaced needlessly")
)

// runsNone reports whether a command found no kubelet that runs.
func runsNone(err error) bool {
	var none *kubeletproc.NotOneError
	return errors.As(err, &none) && none.None()
}

// exitCode is the exit status of a command that ended with that error.
func exitCode(err error) int {
	is := func(targets ...error) bool {
		for _, target := range targets {
			if errors.Is(err, target) {
				return true
			}
		}
		return false
	}
	switch {
	case err == nil:
		return 0
	case is(nodestate.ErrGood, nodestate.ErrBusy, statefile.ErrInUse):
		return exitRefused
	case is(errFound, errForecast):
		return exitFound
	case is(errIncomplete):
		return exitIncomplete
	case is(statefile.ErrFutureSchema):
		return exitFuture
	case is(statefile.ErrMissing, errNoManifest, certs.ErrNone):
		return exitMissing
	case is(errExpiring):
		return exitExpiring
	case is(errExpired):
		return exitExpired
	case is(errDiffers, errBroken), statefile.IsDamage(err):
		return exitDamaged
	case is(errReplaced):
		return exitReplaced
	case is(kubelethealth.ErrUnhealthy, controlplane.ErrUnhealthy) || runsNone(err):
		return exitUnhealthy
	}
	return exitOther
}
