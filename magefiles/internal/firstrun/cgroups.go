package firstrun

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// cgroupRoot is where control groups are mounted, of whichever version.
const cgroupRoot = "/sys/fs/cgroup"

// cgroupDirs are the pod cgroups that did not exist before the run.
type cgroupDirs []string

// ownCgroups lists the places where the kubelet will make its pod cgroups and
// where there are none now. On a host that is a node itself there are none.
func ownCgroups() cgroupDirs {
	var own cgroupDirs
	candidates := []string{filepath.Join(cgroupRoot, "kubepods")}
	controllers, _ := os.ReadDir(cgroupRoot) // without any there is nothing to clean
	for _, controller := range controllers {
		candidates = append(candidates, filepath.Join(cgroupRoot, controller.Name(), "kubepods"))
	}
	for _, dir := range candidates {
		if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
			own = append(own, dir)
		}
	}
	return own
}

// remove removes the cgroups that the run made, the innermost first. (They hold
// no files that could be removed, only interfaces.)
func (dirs cgroupDirs) remove() error {
	var err error
	for _, dir := range dirs {
		var inner []string
		walkErr := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, walkErr error) error {
			if errors.Is(walkErr, fs.ErrNotExist) {
				return nil
			}
			if walkErr == nil && entry.IsDir() {
				inner = append([]string{path}, inner...)
			}
			return walkErr
		})
		err = errors.Join(err, walkErr)
		for _, path := range inner {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}
