package upgrade

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/steadylet/steadylet/statefile"
)

// stateFile returns where the kubelet's state file is.
func (r *run) stateFile() string { return statefile.Path(r.cluster.place.RootDir) }

// requireState makes sure that there is a state that can be damaged.
func (r *run) requireState() error {
	if _, err := statefile.Load(r.stateFile()); err != nil {
		return fmt.Errorf("the patched kubelet wrote no state that could be damaged: %w", err)
	}
	return nil
}

func loseState(_ context.Context, r *run) error {
	if err := r.requireState(); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Dir(r.stateFile()))
}

// corruptState overwrites bytes in the middle of the state file, and of the copy
// before it where there is one.
func corruptState(_ context.Context, r *run) error {
	if err := r.requireState(); err != nil {
		return err
	}
	for _, path := range []string{r.stateFile(), r.stateFile() + ".prev"} {
		data, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		copy(data[len(data)/2:], "\x00\xff\x00\xff\x00\xff\x00\xff")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// makeStateFolder returns the state folder, which it makes where there is none.
func (r *run) makeStateFolder() (string, error) {
	folder := filepath.Dir(r.stateFile())
	return folder, os.MkdirAll(folder, 0o700)
}

// mountReadOnly makes the state folder one that nobody can write, as on a disk that was
// mounted again read-only after an error. The workplace unmounts it.
func mountReadOnly(_ context.Context, r *run) error {
	folder, err := r.makeStateFolder()
	if err != nil {
		return err
	}
	// A bind mount takes its own options only when it is mounted again (mount(8)).
	err = syscall.Mount(folder, folder, "", syscall.MS_BIND, "")
	if err == nil {
		err = syscall.Mount("", folder, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, "")
	}
	if err != nil {
		return fmt.Errorf("mounting %s read-only: %w", folder, err)
	}
	if r.frozen, err = digests(folder); err != nil {
		return err
	}
	return refusesWrites(folder)
}

// refusesWrites wants a folder to refuse root's writes as a read-only file system does.
func refusesWrites(folder string) error {
	err := os.WriteFile(filepath.Join(folder, "probe"), nil, 0o600)
	if !errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%s is to be read-only, and a write to it gives: %v", folder, err)
	}
	return nil
}

// digests returns those of the files in a folder, by name.
func digests(folder string) (map[string]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		found[entry.Name()] = fmt.Sprintf("%x", sha256.Sum256(data))
	}
	return found, nil
}

// smallDisk is how large the file system is that takes the place of the state folder, in
// the mount option's words.
const smallDisk = "size=16k"

// mountSmall puts a small file system in the place of the state folder. The workplace
// unmounts it.
func mountSmall(_ context.Context, r *run) error {
	folder, err := r.makeStateFolder()
	if err != nil {
		return err
	}
	if err := syscall.Mount("steadylet-rig", folder, "tmpfs", 0, "mode=0700,"+smallDisk); err != nil {
		return fmt.Errorf("mounting a file system over %s: %w", folder, err)
	}
	return nil
}

// fillState writes into the state folder until nothing fits any more.
func fillState(_ context.Context, r *run) error {
	file, err := os.Create(filepath.Join(filepath.Dir(r.stateFile()), "ballast"))
	if err != nil {
		return err
	}
	defer file.Close()
	for range 1 << 20 {
		if _, err := file.Write(make([]byte, 512)); errors.Is(err, syscall.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return errors.New("the state folder does not fill up")
}

// clockStep is by how much the clock is set back.
const clockStep = 24 * time.Hour

// setClockBack moves the times of the state into the future, which is what a clock
// that was set back makes of them.
func setClockBack(_ context.Context, r *run) error {
	state, err := statefile.Load(r.stateFile())
	if err != nil {
		return fmt.Errorf("setting the clock back: %w", err)
	}
	state.Kubelet.StartTime = state.Kubelet.StartTime.Add(clockStep)
	state.Kubelet.LastStart = state.Kubelet.LastStart.Add(clockStep)
	for i := range state.History {
		state.History[i].StartTime = state.History[i].StartTime.Add(clockStep)
	}
	return statefile.Save(r.stateFile(), state)
}

// disable turns the kill switch on.
func disable(_ context.Context, r *run) error {
	folder, err := r.makeStateFolder()
	return errors.Join(err, os.WriteFile(filepath.Join(folder, "disable"), nil, 0o600))
}

// disableByVariable turns the kill switch on for the kubelets that start from now on, in
// their environment.
func disableByVariable(_ context.Context, r *run) error {
	r.cluster.environment = append(r.cluster.environment, "STEADYLET_DISABLE=1")
	return nil
}

// enable turns the kill switch off again.
func enable(_ context.Context, r *run) error {
	return os.Remove(filepath.Join(filepath.Dir(r.stateFile()), "disable"))
}
