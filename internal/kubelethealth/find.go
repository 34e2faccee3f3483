package kubelethealth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/steadylet/steadylet/internal/kubeletconf"
	"github.com/steadylet/steadylet/internal/kubeletproc"
)

// Kubelet is a kubelet that runs.
type Kubelet struct {
	PID int `json:"pid"`
	// Program is the path that it was started from. Replaced says that another file
	// is there by now, or none.
	Program  string    `json:"program"`
	Replaced bool      `json:"replaced"`
	Started  time.Time `json:"started"`
	// Healthz is where it says whether it is healthy, or empty if it does not.
	Healthz string `json:"healthz,omitempty"`
	Healthy bool   `json:"healthy"`
	// Reason says why it isn't.
	Reason string `json:"reason,omitempty"`
}

// Choice says which kubelet is meant, where several run: the one of that process, or
// of that program. The zero Choice is the only one that runs.
type Choice struct {
	PID     int
	Program string
}

// Find returns the kubelet that is meant. It does not ask it anything. The error is a
// *kubeletproc.NotOneError unless a process is chosen.
func Find(proc kubeletproc.Proc, choice Choice) (Kubelet, error) {
	processes, err := proc.Find()
	if err != nil {
		return Kubelet{}, err
	}
	if choice.Program != "" {
		var of []kubeletproc.Process
		for _, process := range processes {
			if process.Executable == choice.Program {
				of = append(of, process)
			}
		}
		processes = of
	}
	process, err := kubeletproc.Only(processes, choice.PID)
	if err != nil {
		return Kubelet{}, err
	}
	flags := kubeletproc.ParseFlags(process.Args).In(process.Dir)
	config, err := kubeletconf.Load(flags.Config, flags.ConfigDir)
	if err != nil {
		return Kubelet{}, err
	}
	url, err := URL(process.Args, config)
	return Kubelet{
		PID: process.PID, Program: process.Executable, Replaced: replaced(proc, process), Started: process.Started, Healthz: url,
	}, err
}

// replaced reports whether a process runs another file than the one at its path.
func replaced(proc kubeletproc.Proc, process kubeletproc.Process) bool {
	runs, err := os.Stat(fmt.Sprintf("%s/%d/exe", proc.Root, process.PID))
	if err != nil {
		return false // it has ended
	}
	there, err := os.Stat(process.Executable)
	return err != nil || !os.SameFile(runs, there)
}

// Look finds the kubelet and asks it whether it is healthy.
func Look(ctx context.Context, proc kubeletproc.Proc, choice Choice) (Kubelet, error) {
	kubelet, err := Find(proc, choice)
	if err != nil {
		return kubelet, err
	}
	if err := Ask(ctx, kubelet.Healthz); err != nil {
		kubelet.Reason = err.Error()
		return kubelet, nil
	}
	kubelet.Healthy = true
	return kubelet, nil
}

// pause is between two looks.
const pause = 200 * time.Millisecond

// maxStarts is how many processes of a kubelet may end before there is no hope for it.
const maxStarts = 4

// Wait looks until a kubelet is healthy and runs the file that is at its path, the
// time is up, or it was started again and again. The error matches ErrUnhealthy, and
// says what the last look saw.
func Wait(ctx context.Context, proc kubeletproc.Proc, choice Choice, within time.Duration) (Kubelet, error) {
	deadline := time.After(within)
	seen := map[int]bool{0: true} // none
	for {
		kubelet, err := ready(ctx, proc, choice)
		if err == nil {
			return kubelet, nil
		}
		if seen[kubelet.PID] = true; len(seen)-1 > maxStarts {
			return kubelet, fmt.Errorf("after %d starts, of which none lasted: %w", maxStarts, err)
		}
		select {
		case <-ctx.Done():
			return kubelet, context.Cause(ctx)
		case <-deadline:
			return kubelet, fmt.Errorf("after %s: %w", within, err)
		case <-time.After(pause):
		}
	}
}

// ready returns the kubelet if Wait may end with it.
func ready(ctx context.Context, proc kubeletproc.Proc, choice Choice) (Kubelet, error) {
	kubelet, err := Find(proc, choice)
	var none *kubeletproc.NotOneError
	if errors.As(err, &none) && none.None() {
		return kubelet, fmt.Errorf("%w: none runs; if it ends as soon as it is started, its log says why", ErrUnhealthy)
	}
	if err != nil {
		return kubelet, fmt.Errorf("%w: %w", ErrUnhealthy, err)
	}
	if kubelet.Replaced {
		return kubelet, fmt.Errorf("%w: process %d still runs the program that was at %s before", ErrUnhealthy, kubelet.PID, kubelet.Program)
	}
	if err := Ask(ctx, kubelet.Healthz); err != nil {
		return kubelet, fmt.Errorf("process %d: %w", kubelet.PID, err)
	}
	kubelet.Healthy = true
	return kubelet, nil
}
