package testnode

import (
	"os"
	"path/filepath"
	"strings"
)

// Traces are what runs have, or left, on the host.
type Traces struct {
	Folders, Mounts, Cgroups, PodLogs []string
	Processes                         []int
}

// TracesIn looks for traces of the runs whose folders are in parent, and of those
// with the given names, whose folders may be gone. Other runs on the host do not
// count.
func TracesIn(parent string, names ...string) (Traces, error) {
	var found Traces
	entries, err := os.ReadDir(parent)
	if err != nil {
		return found, err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), dirPrefix) {
			found.Folders = append(found.Folders, filepath.Join(parent, entry.Name()))
			names = append(names, entry.Name())
		}
	}
	mounts, err := mountPoints()
	if err != nil {
		return found, err
	}
	for _, mount := range mounts {
		if strings.HasPrefix(mount.point, parent+"/") {
			found.Mounts = append(found.Mounts, mount.point)
		}
	}
	for _, name := range names {
		if err := found.addRun(&Workplace{dir: filepath.Join(parent, name)}); err != nil {
			return found, err
		}
	}
	return found, nil
}

// addRun adds what lies outside the run's folder.
func (t *Traces) addRun(run *Workplace) (err error) {
	if run.group, err = cgroupOf(run.Name()); err != nil {
		return err
	}
	for _, dir := range run.group.dirs {
		if _, err := os.Stat(dir); err == nil {
			t.Cgroups = append(t.Cgroups, dir)
		}
	}
	logs, err := run.podLogs()
	if err != nil {
		return err
	}
	t.PodLogs = append(t.PodLogs, logs...)
	pids, err := run.processes()
	t.Processes = append(t.Processes, pids...)
	return err
}
