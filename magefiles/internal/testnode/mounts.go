package testnode

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// mount is a line of /proc/self/mountinfo.
type mount struct {
	point, kind string
}

func mountPoints() ([]mount, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("listing mounts: %w", err)
	}
	return parseMounts(string(data)), nil
}

// parseMounts reads mountinfo (proc_pid_mountinfo(5)), the earliest mount first.
// A line that is too short is left out.
func parseMounts(text string) []mount {
	var mounts []mount
	for line := range strings.Lines(text) {
		before, after, found := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if !found || len(fields) < 5 || len(kind) == 0 {
			continue
		}
		mounts = append(mounts, mount{unescape(fields[4]), kind[0]})
	}
	return mounts
}

// unescape undoes the kernel's \ooo for spaces, tabs, line ends and backslashes.
func unescape(text string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, `\`)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		text = after
		if len(after) >= 3 {
			if code, err := strconv.ParseUint(after[:3], 8, 8); err == nil {
				out.WriteByte(byte(code))
				text = after[3:]
				continue
			}
		}
		out.WriteByte('\\')
	}
}

// unmountBelow unmounts a folder and everything in it, the latest first. (The
// kubelet mounts its root directory on itself.)
func unmountBelow(dir string) error {
	mounts, err := mountPoints()
	if err != nil {
		return err
	}
	for i := len(mounts) - 1; i >= 0; i-- {
		point := mounts[i].point
		if !strings.HasPrefix(point+"/", dir+"/") {
			continue
		}
		if unmountErr := syscall.Unmount(point, syscall.MNT_DETACH); unmountErr != nil {
			err = errors.Join(err, fmt.Errorf("unmounting %s: %w", point, unmountErr))
		}
	}
	return err
}
