package statefile

import (
	"errors"
	"fmt"
	"io/ioutil" //lint:ignore SA1019 os.ReadDir is of Go 1.16, and 1.20 is built with 1.15
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/klog/v2"
)

// load reads the state at path, or what can be saved of it, and reports whether the
// file itself was whole. damage says what was lost on the way; err says why nothing
// may be written there. A missing file is neither. A damaged file is set aside,
// unless it is in use by another kubelet.
func load(path string, now time.Time, inUse bool) (state State, whole bool, damage, err error) {
	if err := CheckFolder(filepath.Dir(path)); err != nil {
		return State{}, false, nil, err
	}
	state, damage = Load(path)
	switch {
	case damage == nil:
		sayLoose(path)
		return state, true, nil, nil
	case errors.Is(damage, ErrMissing):
		damage = nil // nothing was lost, unless there is a copy of an earlier file
	case !IsDamage(damage):
		return State{}, false, nil, damage
	case !inUse:
		damage, err = setAside(path, damage, now)
	}
	state, lost := Load(PreviousPath(path))
	switch {
	case lost == nil:
		sayLoose(PreviousPath(path))
	case errors.Is(lost, ErrMissing):
	case IsDamage(lost):
		damage = join(damage, lost)
	default:
		err = join(err, lost)
	}
	return state, false, damage, err
}

// sayLoose tells the log of a file that others than its owner may read. What is in it
// still counts, since they can't have written it.
func sayLoose(path string) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm()&^fileMode == 0 {
		return
	}
	klog.InfoS("Steadylet's record has a mode that lets others read it; the next save corrects that",
		"path", path, "mode", fmt.Sprintf("%#o", info.Mode().Perm()), "want", fmt.Sprintf("%#o", fileMode))
}

// IsDamage reports whether an error of Load says that the file is of no use to
// anybody. A missing file, one of a later release and one that can't be read for a
// reason that is not its own are no damage.
func IsDamage(err error) bool {
	for _, damage := range []error{ErrMalformed, ErrChecksum, ErrNotRegular, ErrMode, ErrOwner, ErrTooLarge} {
		if errors.Is(err, damage) {
			return true
		}
	}
	return false
}

// asidePath is where a damaged file is set aside.
func asidePath(path string, now time.Time) string {
	return path + ".corrupt-" + now.UTC().Format("20060102T150405.000000000Z")
}

// maxAside bounds the damaged files that are kept.
const maxAside = 8

// setAside renames a damaged file and says so.
func setAside(path string, why error, now time.Time) (damage, err error) {
	aside, err := SetAside(path, now)
	if err != nil {
		return why, err
	}
	earlier := beside(path, filepath.Base(path)+".corrupt-")
	for len(earlier) > maxAside {
		os.Remove(earlier[0]) // one too many does no harm
		earlier = earlier[1:]
	}
	return fmt.Errorf("%w; it is set aside as %s", why, aside), nil
}

// removeLeftovers removes the temporary files of kubelets that were killed while
// they saved. What can't be removed does no harm.
func removeLeftovers(path string) {
	for _, leftover := range beside(path, "."+filepath.Base(path)) {
		os.Remove(leftover)
	}
}

// beside returns the sorted paths of the files in the folder of path whose names
// begin with prefix. (A pattern of filepath.Glob would take the root directory's
// own name for one.)
func beside(path, prefix string) []string {
	folder := filepath.Dir(path)
	entries, _ := ioutil.ReadDir(folder) // sorted; none when it can't be read
	var found []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), prefix) {
			found = append(found, filepath.Join(folder, entry.Name()))
		}
	}
	return found
}

// join returns one error that says both and matches what either does. Either may
// be nil.
func join(first, second error) error {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return both{first, second}
}

// both is two errors. (errors.Join is of Go 1.20.)
type both struct{ first, second error }

func (b both) Error() string { return b.first.Error() + "; also: " + b.second.Error() }

// Is makes errors.Is hold for either.
func (b both) Is(target error) bool {
	return errors.Is(b.first, target) || errors.Is(b.second, target)
}

// As makes errors.As find what either holds, the first before the second.
func (b both) As(target interface{}) bool {
	return errors.As(b.first, target) || errors.As(b.second, target)
}

// isNotFolder reports whether something else than a folder was on the way.
func isNotFolder(err error) bool { return errors.Is(err, syscall.ENOTDIR) }
