package nodefacts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/steadylet/steadylet/internal/doctor"
	"github.com/steadylet/steadylet/internal/kubeletproc"
)

// cgroupMount is where the kubelet looks for control groups.
const cgroupMount = "/sys/fs/cgroup"

// cgroup2Magic is CGROUP2_SUPER_MAGIC of linux/magic.h.
const cgroup2Magic = 0x63677270

// cgroups finds out the driver from the groups of pods that there are: the driver
// systemd names them kubepods.slice, cgroupfs kubepods (pkg/kubelet/cm).
func (n node) cgroups() doctor.Cgroups {
	c := doctor.Cgroups{
		Configured: firstOf(kubeletproc.Value(n.kubelet.Args, "cgroup-driver"), n.config.CgroupDriver, "cgroupfs"),
		FailV1:     n.config.FailCgroupV1, Version: 1,
		NoPods: !n.kubelet.PodCgroups(n.config),
	}
	if given, set := kubeletproc.Bool(n.kubelet.Args, "fail-cgroupv1"); set {
		c.FailV1 = &given
	}
	if on, set := n.gate("KubeletCgroupDriverFromCRI"); set {
		c.FromRuntime = &on
	}
	var system syscall.Statfs_t
	if err := syscall.Statfs(cgroupMount, &system); err != nil {
		c.Err = fmt.Errorf("looking at %s: %w", cgroupMount, err)
		return c
	}
	hierarchy := filepath.Join(cgroupMount, "memory")
	if system.Type == cgroup2Magic {
		c.Version, hierarchy = 2, cgroupMount
	}
	root := firstOf(kubeletproc.Value(n.kubelet.Args, "cgroup-root"), n.config.CgroupRoot)
	for _, driver := range []struct{ name, group string }{{"systemd", "kubepods.slice"}, {"cgroupfs", "kubepods"}} {
		used, err := hasPods(filepath.Join(hierarchy, root, driver.group))
		if err != nil {
			c.Err = err
		}
		if used {
			c.InUse = append(c.InUse, driver.name)
		}
	}
	return c
}

// gate returns a feature gate, of the command line or the configuration: see
// nodestate.Kubelet.Gate.
func (n node) gate(names ...string) (on, set bool) {
	return n.kubelet.Gate(n.config, names...)
}

// hasPods reports whether there is the group of a pod below kubepods, in it or in
// that of a class of service.
func hasPods(group string) (bool, error) {
	entries, err := os.ReadDir(group)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking at the groups of pods: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		switch {
		case !entry.IsDir():
		case strings.HasPrefix(name, "pod") || strings.HasPrefix(name, "kubepods-pod"):
			return true, nil
		case strings.HasSuffix(strings.TrimSuffix(name, ".slice"), "besteffort") || strings.HasSuffix(strings.TrimSuffix(name, ".slice"), "burstable"):
			if found, err := filepath.Glob(filepath.Join(group, name, "*pod*")); err == nil && len(found) > 0 {
				return true, nil
			}
		}
	}
	return false, nil
}
