package testnode

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// tunables are the kernel settings that every kubelet overwrites at its start
// (pkg/kubelet/cm/container_manager_linux.go, setupKernelTunables): with the
// setting that would spare them it does not start where they differ.
var tunables = [...]string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

// tunablesFile keeps the values from before the run, by path below /proc/sys.
const tunablesFile = "tunables.json"

// saveTunables writes the kernel's settings into the run's folder.
func saveTunables(sys, dir string) error {
	values := map[string]string{}
	for _, name := range tunables {
		value, err := os.ReadFile(filepath.Join(sys, name))
		if err != nil {
			return fmt.Errorf("saving kernel settings: %w", err)
		}
		values[name] = string(value)
	}
	data, err := json.Marshal(values)
	if err != nil {
		return fmt.Errorf("saving kernel settings: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, tunablesFile), data, 0o600)
}

// restoreTunables writes back what saveTunables saved. A run that was killed
// before it had saved them has changed none.
func restoreTunables(sys, dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, tunablesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var values map[string]string
	if err == nil {
		err = json.Unmarshal(data, &values)
	}
	for name, value := range values {
		err = errors.Join(err, os.WriteFile(filepath.Join(sys, name), []byte(value), 0o644))
	}
	if err != nil {
		return fmt.Errorf("restoring kernel settings: %w", err)
	}
	return nil
}
