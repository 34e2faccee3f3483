package nodestate

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/steadylet/steadylet/internal/kubeletproc"
	"github.com/steadylet/steadylet/statefile"
)

// disableVariable has a patched kubelet behave as stock, whatever its value is
// (patches/restart-suppression, 0001).
const disableVariable = "STEADYLET_DISABLE"

// SwitchedOff says what has the next kubelet behave as stock, as "the file PATH", or nothing:
// the file beside the state file, or a variable that the unit sets. Without a unit it is the
// one that the kubelet with that process ID (0: none runs) was started with; where that can't
// be read, nobody knows.
func (r Request) SwitchedOff(rootDir string, pid int, proc kubeletproc.Proc) string {
	file := filepath.Join(filepath.Dir(statefile.Path(rootDir)), "disable")
	if _, err := os.Lstat(file); err == nil {
		return "the file " + file
	}
	unit, err := r.unit()
	value, where := unit.Environment[disableVariable], unit.Path
	if (err != nil || unit.Path == "") && pid != 0 {
		where = fmt.Sprintf("the environment of process %d", pid)
		value, _ = proc.Variable(pid, disableVariable)
	}
	if value == "" {
		return ""
	}
	return fmt.Sprintf("%s=%s in %s", disableVariable, value, where)
}
