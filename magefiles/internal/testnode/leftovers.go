package testnode

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// processes lists everything that belongs to the run and is alive: programs by
// their environment, containers by their control group.
func (w *Workplace) processes() ([]int, error) {
	pids, err := w.group.processes()
	if err != nil {
		return nil, fmt.Errorf("listing the run's containers: %w", err)
	}
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil, fmt.Errorf("listing the run's programs: %w", err)
	}
	want := []byte(marker + "=" + w.dir)
	for _, file := range files {
		environment, err := os.ReadFile(file) // gone, or a zombie's, which is empty
		if err != nil || !slices.ContainsFunc(bytes.Split(environment, []byte{0}), func(entry []byte) bool { return bytes.Equal(entry, want) }) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// endAll kills what list returns until it returns nothing.
func endAll(list func() ([]int, error)) error {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		pids, err := list()
		if err != nil || len(pids) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v can't be killed: look at their state in /proc/PID/status", pids)
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("killing process %d of the run: %w", pid, err)
			}
		}
	}
}
