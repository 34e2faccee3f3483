package testnode

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// cgroup is a control group of a run's own, of one name in every hierarchy. The
// kubelet keeps its pods below it. Below the root it would take the pods of a
// node that this host may be for orphans, and kill them.
type cgroup struct {
	dirs []string
}

// cgroupOf returns the control group of that name, which need not exist.
func cgroupOf(name string) (cgroup, error) {
	mounts, err := mountPoints()
	if err != nil {
		return cgroup{}, err
	}
	var group cgroup
	for _, mount := range mounts {
		if mount.kind == "cgroup" || mount.kind == "cgroup2" {
			group.dirs = append(group.dirs, filepath.Join(mount.point, name))
		}
	}
	if len(group.dirs) == 0 {
		return cgroup{}, errors.New("no control groups are mounted: mount them below /sys/fs/cgroup")
	}
	return group, nil
}

// make creates the control group.
func (g cgroup) make() error {
	for _, dir := range g.dirs {
		if err := errors.Join(enableControllers(filepath.Dir(dir)), os.Mkdir(dir, 0o755)); err != nil {
			return fmt.Errorf("making a control group: %w", err)
		}
		// In version 1 nothing may run in a cpuset before it has processors and
		// memory, and it does not take them from its parent.
		for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
			if err := fillFromParent(dir, name); err != nil {
				return fmt.Errorf("making a control group: %w", err)
			}
		}
	}
	return nil
}

// enableControllers hands a version 2 group's controllers on to its children;
// the kubelet does not start in a group that lacks one.
func enableControllers(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // version 1
	}
	for _, controller := range strings.Fields(string(data)) {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0o644))
	}
	return err
}

func fillFromParent(dir, name string) error {
	own, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(bytes.TrimSpace(own)) > 0 {
		return nil
	}
	parent, parentErr := os.ReadFile(filepath.Join(filepath.Dir(dir), name))
	if err := errors.Join(err, parentErr); err != nil || len(bytes.TrimSpace(parent)) == 0 {
		return err // in version 2 an empty one means the parent's
	}
	return os.WriteFile(filepath.Join(dir, name), parent, 0o644)
}

// processes lists what runs in the control group and below it.
func (g cgroup) processes() ([]int, error) {
	var pids []int
	err := g.walk(func(dir string) error {
		data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
			return nil // removed meanwhile
		}
		for _, field := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
		return err
	})
	return pids, err
}

// remove removes the control group and those below it, the innermost first. (They
// hold no files that could be removed, only interfaces.)
func (g cgroup) remove() error {
	var inner []string
	err := g.walk(func(dir string) error {
		inner = append([]string{dir}, inner...)
		return nil
	})
	for _, dir := range inner {
		if removeErr := os.Remove(dir); !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}
	return err
}

// walk visits the folder of each group, the outer ones first.
func (g cgroup) walk(visit func(dir string) error) error {
	for _, top := range g.dirs {
		err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || !entry.IsDir() {
				return err
			}
			return visit(path)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
