package statefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// Options say what kubelet starts, and where.
type Options struct {
	// RootDir is the kubelet's root directory.
	RootDir string
	// Version is the kubelet's own.
	Version string
	// Built is when that version was made, or no time. A clock that is behind it is
	// wrong.
	Built time.Time
	// Now is the time of the start.
	Now time.Time
	// Disabled says why the kubelet is to behave as stock, or nothing. A file named
	// disable in the state folder has it do so too.
	Disabled string
}

// Recorder answers for the containers of one run of the kubelet. It is safe for
// concurrent use. A nil Recorder gives stock answers.
type Recorder struct {
	path     string
	disabled string // why, or nothing
	// witnesses says that containers whose hashes are equal are remembered too, where
	// another version created them.
	witnesses bool
	lock      *os.File
	writing   sync.Mutex // held while the file is written

	mutex    sync.Mutex // guards what follows; never held while the disk is waited for
	state    State
	verdicts map[string]judged // by container ID, the last one
	uids     map[string]given  // by path, what was answered in this run
	saves    bool              // the state may be written
	failing  bool              // the last try to write it failed
	whole    bool              // the file in place is a whole one
	timer    *time.Timer
	encoder  encoder // of state; its text is used while writing is held
}

// judged is a verdict that was given, and on what. It says nothing of any other spec,
// nor of the same one after that.
type judged struct {
	annotated, current uint64
	verdict            Verdict
}

// Open loads the state of the node, notes the start in it and saves it. The
// Recorder can be used whatever happens; the error says what could not be read or
// written, for the log, and must not stop the kubelet.
//
// A damaged file is renamed to state.json.corrupt-<time> and the copy before it is
// read; without a good copy the state starts empty. A file of a later release, and
// one that can't be read for a reason that is not its own, is left where it is, and
// nothing is saved. Nothing is saved either when nobody can tell whether there is a file
// named disable, and nothing is saved or renamed while another process holds the lock of
// the folder: that error matches ErrInUse. The Recorder still goes by the state that it
// could read, and keeps what can be proven. An error that matches ErrClock says that the
// time of the start isn't recorded.
//
// Close ends it; a kubelet never calls that.
func Open(options Options) (*Recorder, error) {
	r := &Recorder{path: Path(options.RootDir), witnesses: wholeSpec(options.Version),
		verdicts: map[string]judged{}, uids: map[string]given{}}
	disabled, err := options.disabledBy()
	if r.disabled = disabled; disabled != "" {
		klog.InfoS("Steadylet is switched off, the kubelet behaves as stock", "reason", disabled)
		return r, nil
	}
	if err == nil {
		r.lock, err = r.claim()
	}
	before, whole, damage, loadErr := load(r.path, options.Now, errors.Is(err, ErrInUse))
	err = join(err, loadErr)
	var clock error
	r.state, clock = before.clone().startedAt(options)
	if r.saves, r.whole = err == nil, whole; r.saves {
		err = r.saveStart()
	}
	return r, join(join(damage, clock), err)
}

// claim makes the state folder where it is missing, and this process its writer.
func (r *Recorder) claim() (*os.File, error) {
	folder := filepath.Dir(r.path)
	if err := makeFolder(folder); err != nil {
		return nil, fmt.Errorf("making %s: %w", folder, err)
	}
	return lockFolder(folder)
}

// startedAt notes a start. Where the clock is behind the kubelet's own making the
// time isn't noted.
func (s State) startedAt(o Options) (State, error) {
	if !o.Now.Before(o.Built) {
		return s.Started(o.Version, o.Now), nil
	}
	return s.began(o.Version, time.Time{}, o.Now.UTC().Round(0)), fmt.Errorf("%w: it says %s, and this kubelet was made at %s",
		ErrClock, o.Now.UTC().Format(time.RFC3339), o.Built.UTC().Format(time.RFC3339))
}

// disabledBy returns what switches the package off, or nothing. The error says that
// nobody can tell whether there is a file that does.
func (o Options) disabledBy() (string, error) {
	if o.Disabled != "" {
		return o.Disabled, nil
	}
	file := filepath.Join(filepath.Dir(Path(o.RootDir)), "disable")
	_, err := os.Lstat(file)
	switch {
	case err == nil:
		return "file " + file + " exists", nil
	case os.IsNotExist(err) || isNotFolder(err):
		return "", nil
	}
	return "", fmt.Errorf("looking for a file that switches Steadylet off: %w", err)
}

// State returns a copy of the state that the recorder goes by, which is empty where there
// is none.
func (r *Recorder) State() State {
	if r == nil {
		return State{}.clone()
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.state.clone()
}

// Decide is the function Decide for this run's state. Verdicts that keep a container
// are remembered, and so is the container; first reports whether this one had not
// been given before, so that it can be logged and counted once. It never panics.
func (r *Recorder) Decide(o Observation) (verdict Verdict, first bool) {
	switch {
	case o.Annotated == o.Current && r.Kept(o.ContainerID, o.Annotated, o.Current):
		return Verdict{Step: StepEqual, Reason: "the hashes are equal"}, false
	case r == nil:
		return Verdict{Changed: true, Step: StepStock, Reason: "there is no record"}, false
	case r.disabled != "":
		return Verdict{Changed: true, Step: StepStock, Reason: r.disabled}, false
	}
	r.mutex.Lock()
	last, known := r.last(o.ContainerID, o.Annotated, o.Current)
	state, durable := r.about(o.ContainerID), r.saves && !r.failing && r.hasRoom(o.ContainerID)
	r.mutex.Unlock()
	if known {
		return last, false
	}
	verdict, adopt := Decide(state, o)
	if verdict.Step == StepUnproven && !durable {
		// An edit could not be told from now on.
		verdict.Changed, verdict.Step, adopt = true, StepStock, nil
		verdict.Reason = "not proven, and it can't be recorded"
	}
	return verdict, r.remember(o, verdict, adopt) && verdict.Step != StepEqual
}

// Kept reports whether Decide kept the container already, for that hash of its spec,
// or has no need to see it. It is for callers that ask at every sync: it costs them
// next to nothing, and no more than Decide when the answer is no.
func (r *Recorder) Kept(containerID string, annotated, current uint64) bool {
	switch {
	case r == nil || r.disabled != "":
		return annotated == current
	case annotated == current && !r.witnesses:
		return true
	}
	r.mutex.Lock()
	verdict, known := r.last(containerID, annotated, current)
	r.mutex.Unlock()
	return known && !verdict.Changed
}

// last returns the verdict last given on a container, if it was on that. The mutex is
// held.
func (r *Recorder) last(containerID string, annotated, current uint64) (verdict Verdict, known bool) {
	last, known := r.verdicts[containerID]
	return last.verdict, known && last.annotated == annotated && last.current == current
}

// about returns the state with what it says of one container. The mutex is held.
func (r *Recorder) about(containerID string) State {
	state := r.state
	adopted, ok := state.Containers[containerID]
	state.Containers, state.StaticPods = nil, nil
	if ok {
		state.Containers = map[string]Adopted{containerID: adopted}
	}
	return state
}

// hasRoom reports whether the container can be remembered. The mutex is held.
func (r *Recorder) hasRoom(containerID string) bool {
	_, there := r.state.Containers[containerID]
	return there || len(r.state.Containers) < maxEntries
}

// remember notes a verdict and reports whether it is new.
func (r *Recorder) remember(o Observation, verdict Verdict, adopt *Adopted) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if _, known := r.last(o.ContainerID, o.Annotated, o.Current); known {
		return false
	}
	if len(r.verdicts) >= maxEntries {
		r.forgetVerdicts()
	}
	r.verdicts[o.ContainerID] = judged{o.Annotated, o.Current, verdict}
	if adopt == nil {
		return true
	}
	if r.hasRoom(o.ContainerID) {
		adopt.Adopted = time.Now().UTC().Round(0)
		r.state.Containers[o.ContainerID] = *adopt
		r.saveSoon()
	}
	return true
}

// forgetVerdicts makes room: those on equal hashes are given again for next to nothing,
// and nobody is told of them. The mutex is held.
func (r *Recorder) forgetVerdicts() {
	for id, last := range r.verdicts {
		if last.verdict.Step == StepEqual {
			delete(r.verdicts, id)
		}
	}
	if len(r.verdicts) >= maxEntries {
		r.verdicts = map[string]judged{}
	}
}

// Prune forgets every container that exists does not know, and every static pod
// whose manifest is gone. Call it only with a complete list of the node's
// containers.
func (r *Recorder) Prune(exists func(containerID string) bool) {
	if r == nil || r.disabled != "" {
		return
	}
	var gone []string
	for path := range r.State().StaticPods {
		if _, err := os.Lstat(path); os.IsNotExist(err) {
			gone = append(gone, path)
		}
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for id := range r.verdicts {
		if !exists(id) {
			delete(r.verdicts, id)
		}
	}
	for id := range r.state.Containers {
		if !exists(id) {
			delete(r.state.Containers, id)
			r.saveSoon()
		}
	}
	for _, path := range gone {
		delete(r.state.StaticPods, path)
		r.saveSoon()
	}
}

// clone copies the state with its tables, which the copy has even if s has none.
func (s State) clone() State {
	next := s
	next.History = append([]Start(nil), s.History...)
	next.Containers, next.StaticPods = map[string]Adopted{}, map[string]StaticPod{}
	for id, adopted := range s.Containers {
		next.Containers[id] = adopted
	}
	for path, pod := range s.StaticPods {
		next.StaticPods[path] = pod
	}
	return next
}
