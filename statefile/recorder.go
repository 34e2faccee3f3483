package statefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/klog/v2"
)

// Options say what kubelet starts, and where.
type Options struct {
	// RootDir is the kubelet's root directory.
	RootDir string
	// Version is the kubelet's own.
	Version string
	// Now is the time of the start.
	Now time.Time
	// Disabled gives the stock behaviour. So does a file named disable in the
	// state folder.
	Disabled bool
}

// Recorder answers for the containers of one run of the kubelet. It is safe for
// concurrent use.
type Recorder struct {
	state    State
	disabled string // why, or nothing
}

// Open loads the state of the node, notes the start in it and saves it. The
// Recorder can be used whatever happens; the error says what could not be read or
// written, for the log, and must not stop the kubelet.
//
// A damaged file is renamed to state.json.corrupt-<time> and the copy before it is
// read; without a good copy the state starts empty.
func Open(options Options) (*Recorder, error) {
	if why := options.disabledBy(); why != "" {
		klog.InfoS("Steadylet is switched off, the kubelet behaves as stock", "reason", why)
		return &Recorder{disabled: why}, nil
	}
	path := Path(options.RootDir)
	state, loadErr := load(path, options.Now)
	if errors.Is(loadErr, ErrFutureSchema) {
		// A later release wrote it, and will want it back after a rollback.
		return &Recorder{state: State{}.Started(options.Version, options.Now)}, loadErr
	}
	state = state.Started(options.Version, options.Now)
	saveErr := Save(path, state)
	klog.InfoS("Steadylet recorded the start of the kubelet", "path", path, "version", state.Kubelet.Version,
		"startTime", state.Kubelet.StartTime, "earlierVersions", len(state.History))
	return &Recorder{state: state}, join(loadErr, saveErr)
}

// disabledBy returns what switches the package off, or nothing.
func (o Options) disabledBy() string {
	if o.Disabled {
		return "disabled by its caller"
	}
	file := filepath.Join(filepath.Dir(Path(o.RootDir)), "disable")
	if _, err := os.Lstat(file); err == nil {
		return "file " + file + " exists"
	}
	return ""
}

// State returns a copy of the state that the recorder goes by.
func (r *Recorder) State() State {
	state := r.state
	state.History = append([]Start(nil), r.state.History...)
	return state
}

// load reads the state at path, or what can be saved of it. A missing file is no
// error.
func load(path string, now time.Time) (State, error) {
	state, err := Load(path)
	if err == nil || errors.Is(err, ErrFutureSchema) {
		return state, err
	}
	if errors.Is(err, ErrMissing) {
		err = nil // nothing was lost, unless there is a copy of an earlier one
	} else {
		aside := fmt.Sprintf("%s.corrupt-%s", path, now.UTC().Format("20060102T150405Z"))
		err = fmt.Errorf("%w; it is set aside as %s", err, aside)
		if renameErr := os.Rename(path, aside); renameErr != nil {
			err = join(err, renameErr)
		}
	}
	previous, previousErr := Load(previousPath(path))
	if previousErr != nil {
		if !errors.Is(previousErr, ErrMissing) {
			err = join(err, previousErr)
		}
		return State{}, err
	}
	return previous, err
}

// join returns one error that says both and is the first that there is.
func join(first, second error) error {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return fmt.Errorf("%w; also: %v", first, second)
}
