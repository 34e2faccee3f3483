package nodefacts

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/steadylet/steadylet/internal/doctor"
	"github.com/steadylet/steadylet/internal/kubeletunit"
	"github.com/steadylet/steadylet/internal/nodestate"
	"github.com/steadylet/steadylet/statefile"
)

func (n node) state(unit kubeletunit.Unit) doctor.State {
	path := statefile.Path(n.settings.RootDir)
	inspection := nodestate.Inspect(path)
	return doctor.State{
		Path: path, Condition: string(inspection.Current.Condition), SwitchedOff: n.switchedOff(path, unit),
		Remedy: inspection.Remedy(), Err: inspection.Current.Err,
	}
}

// disableVariable has a patched kubelet behave as stock, whatever its value is
// (patches/restart-suppression, 0001).
const disableVariable = "STEADYLET_DISABLE"

// switchedOff says what has the next kubelet behave as stock, or nothing: the file beside
// the state file, or a variable that the unit sets. Without a unit it is the one that the
// kubelet was started with; where that can't be read, nobody knows.
func (n node) switchedOff(path string, unit kubeletunit.Unit) string {
	file := filepath.Join(filepath.Dir(path), "disable")
	if _, err := os.Lstat(file); err == nil {
		return "the file " + file
	}
	value, where := unit.Environment[disableVariable], unit.Path
	if unit.Path == "" && n.kubelet.PID != 0 {
		where = fmt.Sprintf("the environment of process %d", n.kubelet.PID)
		value, _ = n.proc.Variable(n.kubelet.PID, disableVariable)
	}
	if value == "" {
		return ""
	}
	return fmt.Sprintf("%s=%s in %s", disableVariable, value, where)
}
