package kubeletproc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticksPerSecond is USER_HZ, which Linux fixed at 100 for every architecture that
// kubelets are built for.
const ticksPerSecond = 100

func isNoProcess(err error) bool { return errors.Is(err, syscall.ESRCH) }

func (p Proc) started(pid int) (time.Time, error) {
	stat, err := os.ReadFile(p.path(pid, "stat"))
	if err != nil {
		return time.Time{}, err
	}
	system, err := os.ReadFile(filepath.Join(p.Root, "stat"))
	if err != nil {
		return time.Time{}, err
	}
	return startTime(string(stat), string(system))
}

// startTime computes when a process started from /proc/PID/stat and /proc/stat. The
// time of boot is known to the second, rounded down; the result is rounded up, since
// of a container that is older than the recorded start nothing is assumed.
func startTime(stat, system string) (time.Time, error) {
	// The name, in parentheses, may hold spaces and parentheses.
	_, rest, found := cutLast(stat, ")")
	fields := strings.Fields(rest)
	const startTimeField = 22 - 3 // in proc_pid_stat(5) the field after the name is the third
	if !found || len(fields) <= startTimeField {
		return time.Time{}, fmt.Errorf("its stat is not as in proc_pid_stat(5): %q", stat)
	}
	ticks, err := strconv.ParseInt(fields[startTimeField], 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading its start time: %w", err)
	}
	for line := range strings.Lines(system) {
		if seconds, ok := strings.CutPrefix(line, "btime "); ok {
			boot, err := strconv.ParseInt(strings.TrimSpace(seconds), 10, 64)
			if err != nil {
				return time.Time{}, fmt.Errorf("reading the time of boot: %w", err)
			}
			return time.Unix(boot+(ticks+ticksPerSecond-1)/ticksPerSecond+1, 0).UTC(), nil
		}
	}
	return time.Time{}, errors.New("the kernel does not say when it was booted")
}

func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}
