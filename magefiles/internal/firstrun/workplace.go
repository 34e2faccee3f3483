package firstrun

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// workplace is what a run has of the host: one folder, one control group and one
// namespace of pods, all of the same name.
type workplace struct {
	dir   string
	group cgroup
	lock  *os.File
	// shims are the sockets of containerd's shims.
	shims []string
}

func (w *workplace) name() string { return filepath.Base(w.dir) }

// claim waits until no other run is under way, cleans up after runs that were
// killed, and makes a workplace.
func claim(ctx context.Context) (w *workplace, err error) {
	lock, err := lockHost(ctx, hostLock)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	if err := refuseNode(deviceSocket); err != nil {
		return nil, err
	}
	if err := cleanLeftovers(os.TempDir()); err != nil {
		return nil, err
	}
	w = &workplace{lock: lock}
	// Short, since a socket's path has a limit of 107 bytes.
	if w.dir, err = os.MkdirTemp("", dirPrefix); err != nil {
		return nil, fmt.Errorf("preparing the run: %w", err)
	}
	if w.group, err = cgroupOf(w.name()); err == nil {
		err = errors.Join(w.group.make(), saveTunables(procSys, w.dir))
	}
	if err != nil {
		return nil, errors.Join(err, w.clean())
	}
	return w, nil
}

// release removes everything that the run left, then lets the next one start.
func (w *workplace) release() error { return errors.Join(w.clean(), w.lock.Close()) }

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
	dirs, err := filepath.Glob(filepath.Join(parent, dirPrefix+"*"))
	if err != nil {
		return fmt.Errorf("looking for killed runs: %w", err)
	}
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
			continue
		}
		left := &workplace{dir: dir}
		if left.group, err = cgroupOf(left.name()); err != nil {
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
func (w *workplace) clean() error {
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
func (w *workplace) noteShims() error {
	files, err := filepath.Glob(filepath.Join(w.dir, "containerd/state/io.containerd.runtime.v2.task/*/*/address"))
	for _, file := range files {
		data, readErr := os.ReadFile(file)
		if readErr == nil {
			w.shims = append(w.shims, strings.TrimPrefix(string(data), "unix://"))
		} else if !errors.Is(readErr, fs.ErrNotExist) {
			err = errors.Join(err, readErr)
		}
	}
	return err
}

func (w *workplace) removeShimSockets() error {
	var err error
	for _, socket := range w.shims {
		if removeErr := os.Remove(socket); !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}
	return err
}

// removePodLogs removes what the kubelet put into the two folders of logs that it
// has whatever its root directory is. Both name the pod's namespace, which is the
// run's own.
func (w *workplace) removePodLogs() error {
	var err error
	for _, pattern := range []string{"/var/log/pods/" + w.name() + "_*", "/var/log/containers/*_" + w.name() + "_*"} {
		paths, globErr := filepath.Glob(pattern)
		err = errors.Join(err, globErr)
		for _, path := range paths {
			err = errors.Join(err, os.RemoveAll(path))
		}
	}
	return err
}
