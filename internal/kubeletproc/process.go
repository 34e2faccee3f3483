// Package kubeletproc finds the kubelet that runs on this node and reads what it was
// started with, from /proc alone: no systemd, no API server, no port of the kubelet.
//
// # Guarantee
//
// A program is run, to ask it for its version, only when it is a kubelet by its content,
// belongs to the caller's own user and lives in the caller's own mount namespace. Any user
// can name a process kubelet, and so can a container; root must not run theirs.
package kubeletproc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Process is a process that calls itself kubelet.
type Process struct {
	PID int
	// Executable is where its program was when it started; it may be gone.
	Executable string
	// Args is its command line, the program included.
	Args []string
	// Dir is its working directory.
	Dir string
	// Started is when it started. It is never earlier than the process really did.
	Started time.Time
	// Foreign says why its program must not be run from here, or nothing.
	Foreign string
}

// Proc reads a proc file system.
type Proc struct {
	// Root is where it is mounted.
	Root string
	// User is the caller's effective user.
	User int
	// OfHost says that the caller is a container that has changed its root to that of
	// the host, whose proc file system this then is. The links of a process of the host
	// can't be read from there without the right to trace it, so other signs tell which
	// are the host's own.
	OfHost bool
}

// Here is the proc file system of this host.
func Here() Proc { return Proc{Root: "/proc", User: os.Geteuid()} }

// Find lists the kubelets, foreign ones too, by process ID. Processes that end
// meanwhile are left out.
func (p Proc) Find() ([]Process, error) {
	entries, err := os.ReadDir(p.Root)
	if err != nil {
		return nil, fmt.Errorf("looking for the kubelet: %w", err)
	}
	var found []Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		process, err := p.read(pid)
		switch {
		case errors.Is(err, errNoKubelet) || isGone(err):
		case err != nil:
			return nil, fmt.Errorf("looking at process %d: %w", pid, err)
		default:
			found = append(found, process)
		}
	}
	slices.SortFunc(found, func(a, b Process) int { return a.PID - b.PID })
	return found, nil
}

var errNoKubelet = errors.New("not a kubelet")

func (p Proc) path(pid int, name string) string {
	return filepath.Join(p.Root, strconv.Itoa(pid), name)
}

// read reads one process.
func (p Proc) read(pid int) (Process, error) {
	cmdline, err := os.ReadFile(p.path(pid, "cmdline"))
	if err != nil {
		return Process{}, err
	}
	process := Process{PID: pid, Args: arguments(cmdline)}
	process.Executable, err = os.Readlink(p.path(pid, "exe"))
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return Process{}, err
	}
	process.Executable = strings.TrimSuffix(process.Executable, " (deleted)")
	if !process.isKubelet() {
		return Process{}, errNoKubelet
	}
	foreign := p.foreign
	if p.OfHost {
		foreign = p.foreignToHost
	}
	if process.Foreign, err = foreign(pid); err != nil || process.Foreign != "" {
		return process, err
	}
	if p.OfHost {
		// systemd's default; one that says otherwise should have absolute paths.
		process.Executable, process.Dir = process.Args[0], "/"
	} else if process.Dir, err = os.Readlink(p.path(pid, "cwd")); err != nil {
		return Process{}, err
	}
	process.Started, err = p.started(pid)
	return process, err
}

// Variable returns a variable of the environment that a process was started with, and
// nothing where it isn't set.
func (p Proc) Variable(pid int, name string) (string, error) {
	environment, err := os.ReadFile(p.path(pid, "environ"))
	if err != nil {
		return "", fmt.Errorf("reading the environment of process %d: %w", pid, err)
	}
	for variable := range strings.SplitSeq(string(environment), "\x00") {
		if value, found := strings.CutPrefix(variable, name+"="); found {
			return value, nil
		}
	}
	return "", nil
}

func (p Process) isKubelet() bool {
	return len(p.Args) > 0 && (filepath.Base(p.Executable) == "kubelet" || filepath.Base(p.Args[0]) == "kubelet")
}

// arguments splits a command line as /proc has it.
func arguments(cmdline []byte) []string {
	text := strings.TrimSuffix(string(cmdline), "\x00")
	if text == "" {
		return nil // a kernel thread, or a process that has ended
	}
	return strings.Split(text, "\x00")
}

// foreign says why the caller must not run the process's program, or nothing.
func (p Proc) foreign(pid int) (string, error) {
	if _, reason, err := p.statusOfUser(pid); err != nil || reason != "" {
		return reason, err
	}
	theirs, err := os.Readlink(p.path(pid, "ns/mnt"))
	if errors.Is(err, fs.ErrPermission) {
		return "its mount namespace can't be seen", nil
	}
	if err != nil {
		return "", err
	}
	ours, err := os.Readlink(filepath.Join(p.Root, "self/ns/mnt"))
	if err != nil {
		return "", err
	}
	if ours != theirs {
		return fmt.Sprintf("it runs in another mount namespace, as in a container: run steadylet there, as with nsenter --target %d --mount", pid), nil
	}
	return "", nil
}

// foreignToHost is foreign for a caller in a container. A pod may share the host's
// process IDs, but not the control group of a service of the host.
func (p Proc) foreignToHost(pid int) (string, error) {
	status, reason, err := p.statusOfUser(pid)
	if err != nil || reason != "" {
		return reason, err
	}
	groups, err := os.ReadFile(p.path(pid, "cgroup"))
	if err != nil {
		return "", err
	}
	if strings.Contains(string(groups), "kubepods") || nested(status) {
		return "it runs in a container", nil
	}
	return "", nil
}

// statusOfUser returns /proc/PID/status, or the reason why the process is another user's.
func (p Proc) statusOfUser(pid int) (status, reason string, err error) {
	data, err := os.ReadFile(p.path(pid, "status"))
	if err != nil {
		return "", "", err
	}
	user, err := effectiveUser(string(data))
	if err == nil && user != p.User {
		reason = fmt.Sprintf("it belongs to user %d, and this is user %d", user, p.User)
	}
	return string(data), reason, err
}

// nested reports whether a process has IDs in more than one name space.
func nested(status string) bool {
	for line := range strings.Lines(status) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == "NSpid:" {
			return len(fields) > 2
		}
	}
	return false
}

// effectiveUser reads the user from /proc/PID/status (proc_pid_status(5)).
func effectiveUser(status string) (int, error) {
	for line := range strings.Lines(status) {
		if fields := strings.Fields(line); len(fields) >= 3 && fields[0] == "Uid:" {
			return strconv.Atoi(fields[2])
		}
	}
	return 0, errors.New("its status does not say whose it is")
}

// isGone reports whether the process ended while it was looked at.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, os.ErrProcessDone) || isNoProcess(err)
}
