package kubeletproc

import (
	"fmt"
	"strings"
)

// NotOneError says that not exactly one kubelet can be looked at.
type NotOneError struct {
	// Usable have those that could be, Foreign the others.
	Usable, Foreign []Process
}

func (e *NotOneError) Error() string {
	var text strings.Builder
	if len(e.Usable) == 0 {
		text.WriteString("no kubelet runs here that can be looked at: start it, or name its program with --kubelet PATH")
	} else {
		fmt.Fprintf(&text, "%d kubelets run here: choose one with --pid", len(e.Usable))
	}
	for _, process := range e.Usable {
		fmt.Fprintf(&text, "\n  process %d: %s", process.PID, process)
	}
	for _, process := range e.Foreign {
		fmt.Fprintf(&text, "\n  process %d is left out: %s", process.PID, process.Foreign)
	}
	return text.String()
}

// None reports whether no kubelet at all was found.
func (e *NotOneError) None() bool { return len(e.Usable)+len(e.Foreign) == 0 }

// String names the process by what tells kubelets apart. The rest of its command
// line stays untold: it may hold secrets.
func (p Process) String() string {
	flags := ParseFlags(p.Args)
	text := p.Executable
	for _, flag := range []struct{ name, value string }{{"root-dir", flags.RootDir}, {"config", flags.Config}} {
		if flag.value != "" {
			text += fmt.Sprintf(" --%s=%s", flag.name, flag.value)
		}
	}
	return text
}

// Only returns the one process that can be looked at, or that of the given ID, if it
// is not 0. The error is a *NotOneError unless an ID is given.
func Only(processes []Process, pid int) (Process, error) {
	var e NotOneError
	for _, process := range processes {
		switch {
		case pid != 0 && process.PID == pid && process.Foreign != "":
			return Process{}, fmt.Errorf("process %d can't be looked at: %s", pid, process.Foreign)
		case pid != 0 && process.PID == pid:
			return process, nil
		case process.Foreign != "":
			e.Foreign = append(e.Foreign, process)
		default:
			e.Usable = append(e.Usable, process)
		}
	}
	switch {
	case pid != 0:
		return Process{}, fmt.Errorf("process %d is no kubelet: see which are with ps -C kubelet", pid)
	case len(e.Usable) != 1:
		return Process{}, &e
	}
	return e.Usable[0], nil
}
