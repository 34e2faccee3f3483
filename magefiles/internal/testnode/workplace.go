package testnode

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// hostLock is held for the whole of a run. Kubelets of one host share what no
	// flag moves (deviceSocket, /var/log/pods before 1.30), so one run at a time;
	// and what lies about while nobody holds it was left by a killed run.
	hostLock = "/run/steadylet-run.lock"
	// dirPrefix begins the names of runs' folders, control groups and namespaces.
	dirPrefix = "steadylet-run-"
	// marker is in the environment of every program of a run, and of whatever they
	// start except containers: its value is the run's folder.
	marker = "STEADYLET_RUN"
	// procSys has the kernel's settings.
	procSys = "/proc/sys"
)

// Workplace is what a run has of the host: one folder, one control group and one
// namespace of pods, all of the same name.
type Workplace struct {
	dir   string
	group cgroup
	lock  *os.File
	// shims are the sockets of containerd's shims.
	shims []string
}

// Dir returns the run's folder.
func (w *Workplace) Dir() string { return w.dir }

// Name returns the name of the run's folder, of its control group, and of the one
// namespace that its pods may be in: what is cleaned up goes by it.
func (w *Workplace) Name() string { return filepath.Base(w.dir) }

// Claim waits until no other run is under way, cleans up after runs that were
// killed, and makes a workplace.
func Claim(ctx context.Context) (w *Workplace, err error) {
	if err := checkSocketPath(os.TempDir()); err != nil {
		return nil, err
	}
	lock, err := lockHost(ctx, hostLock)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	// In this order: the kubelet of a killed run may still be ending.
	if err := cleanLeftovers(os.TempDir()); err != nil {
		return nil, err
	}
	if err := refuseNode(deviceSocket); err != nil {
		return nil, err
	}
	w = &Workplace{lock: lock}
	if w.dir, err = os.MkdirTemp("", dirPrefix); err != nil {
		return nil, fmt.Errorf("preparing the run: %w", err)
	}
	if w.group, err = cgroupOf(w.Name()); err == nil {
		err = errors.Join(w.group.make(), saveTunables(procSys, w.dir))
	}
	if err != nil {
		return nil, errors.Join(err, w.clean())
	}
	return w, nil
}

// Release removes everything that the run left, then lets the next one start.
func (w *Workplace) Release() error { return errors.Join(w.clean(), w.lock.Close()) }

// lockHost locks the file. The kernel unlocks it when its holder ends, however
// that ends.
func lockHost(ctx context.Context, path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("waiting for other runs: %w", err)
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("waiting for the run that holds %s: %w", path, context.Cause(ctx)), file.Close())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// cleanLeftovers cleans up after every killed run whose folder is in parent. Only
// folders that this user made count: anyone may make others in /tmp.
func cleanLeftovers(parent string) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return fmt.Errorf("looking for killed runs: %w", err)
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), dirPrefix) {
			continue
		}
		dir := filepath.Join(parent, entry.Name())
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
			continue
		}
		left := &Workplace{dir: dir}
		if left.group, err = cgroupOf(left.Name()); err != nil {
			return err
		}
		if err := left.clean(); err != nil {
			return fmt.Errorf("cleaning up after the killed run in %s: %w", dir, err)
		}
	}
	return nil
}

// clean ends what still runs and removes what is still there. The folder is the
// last to go: while it is there, the next run tries again. Nothing is removed
// through a mount.
func (w *Workplace) clean() error {
	if err := errors.Join(w.noteShims(), endAll(w.processes)); err != nil {
		return err
	}
	if err := errors.Join(w.removeShimSockets(), unmountBelow(w.dir)); err != nil {
		return err
	}
	err := errors.Join(restoreTunables(procSys, w.dir), w.group.remove(), w.removePodLogs())
	if err != nil {
		return err
	}
	return os.RemoveAll(w.dir)
}

// noteShims notes the sockets of the shims that there are now. They lie in
// /run/containerd/s, wherever containerd's own state is, and only that state says
// which are whose: it is asked before the shims end, since one that is killed
// leaves its socket.
func (w *Workplace) noteShims() error {
	// (filepath.Glob would take the folder's own name for a pattern.)
	files, err := fs.Glob(os.DirFS(w.dir), "containerd/state/io.containerd.runtime.v2.task/*/*/address")
	for _, file := range files {
		data, readErr := os.ReadFile(filepath.Join(w.dir, file))
		if readErr == nil {
			w.shims = append(w.shims, strings.TrimPrefix(string(data), "unix://"))
		} else if !errors.Is(readErr, fs.ErrNotExist) {
			err = errors.Join(err, readErr)
		}
	}
	return err
}

func (w *Workplace) removeShimSockets() error {
	var err error
	for _, socket := range w.shims {
		if removeErr := os.Remove(socket); !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}
	return err
}

// podLogs lists what the kubelet put into the two folders of logs that it has
// whatever its root directory is. Both name the pod's namespace, which is the run's
// own.
func (w *Workplace) podLogs() ([]string, error) {
	var found []string
	for folder, belongs := range map[string]func(string) bool{
		"/var/log/pods":       func(name string) bool { return strings.HasPrefix(name, w.Name()+"_") },
		"/var/log/containers": func(name string) bool { return strings.Contains(name, "_"+w.Name()+"_") },
	} {
		entries, err := os.ReadDir(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("looking for the logs of pods: %w", err)
		}
		for _, entry := range entries {
			if belongs(entry.Name()) {
				found = append(found, filepath.Join(folder, entry.Name()))
			}
		}
	}
	slices.Sort(found)
	return found, nil
}

func (w *Workplace) removePodLogs() error {
	paths, err := w.podLogs()
	for _, path := range paths {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}
