package statefile

import (
	"fmt"
	"time"

	"k8s.io/klog/v2"
)

const (
	// saveDelay is how long a change waits for others before it is written. All of
	// it can be worked out again, so nothing waits for the disk.
	saveDelay = time.Second
	// retryDelay is how long a save that failed waits for the next try, unless something
	// changed meanwhile.
	retryDelay = time.Minute
)

// saveStart saves the start. What can't be written now, on a full disk for one, is
// tried again later.
func (r *Recorder) saveStart() error {
	r.writing.Lock()
	defer r.writing.Unlock()
	if err := r.save(); err != nil {
		return err
	}
	removeLeftovers(r.path)
	state := r.State()
	klog.InfoS("Steadylet recorded the start of the kubelet", "path", r.path, "version", state.Kubelet.Version,
		"startTime", state.Kubelet.StartTime, "earlierVersions", len(state.History),
		"containers", len(state.Containers), "staticPods", len(state.StaticPods))
	return nil
}

// saveSoon writes the state in a moment, with what else changes until then. The
// mutex is held.
func (r *Recorder) saveSoon() { r.saveAfter(saveDelay) }

func (r *Recorder) saveAfter(delay time.Duration) {
	if !r.saves || r.timer != nil {
		return
	}
	r.timer = time.AfterFunc(delay, r.saveInBackground)
}

// saveInBackground is Flush for a timer: it tells the log when saving begins to fail,
// and when it is over. Nobody else would see its panic.
func (r *Recorder) saveInBackground() {
	defer func() {
		if p := recover(); p != nil {
			klog.ErrorS(fmt.Errorf("panic: %v", p), "Steadylet could not save its record")
		}
	}()
	r.mutex.Lock()
	failed := r.failing
	r.mutex.Unlock()
	switch err := r.Flush(); {
	case err != nil && !failed:
		klog.ErrorS(err, "Steadylet could not save its record, and will try again", "every", retryDelay)
	case err == nil && failed:
		klog.InfoS("Steadylet saved its record again", "path", r.path)
	}
}

// Flush writes what has not been written yet. What can't be written is tried again
// later. The error is one that Save may return.
func (r *Recorder) Flush() error {
	if r == nil {
		return nil
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mutex.Lock()
	waiting := r.timer != nil
	r.mutex.Unlock()
	if !waiting {
		return nil
	}
	return r.save()
}

// save writes the state. Where that fails, be it by a panic, it is tried again later.
// r.writing is held.
func (r *Recorder) save() error {
	saved := false
	defer func() {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		if r.whole, r.failing = r.whole || saved, !saved; r.failing {
			r.saveAfter(retryDelay)
		}
	}()
	data, whole, err := r.unsaved()
	if err != nil {
		return fmt.Errorf("writing %s: %w", r.path, err)
	}
	seal(data)
	err = write(r.path, data, whole)
	saved = err == nil
	return err
}

// unsaved returns the text of what has not been written yet, without its checksum, and ends
// the wait for it. The text is the encoder's: it is used while r.writing is held. whole says
// that the file in place is a whole one: once this process wrote it, it stays so, since no
// other may write.
func (r *Recorder) unsaved() (data []byte, whole bool, err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock() // after a panic, too: pod workers wait for it
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	kept := r.encoder
	r.encoder = encoder{} // for after a panic, or an error
	if data, err = kept.encode(r.state); err == nil {
		r.encoder = kept
	}
	return data, r.whole, err
}

// Close writes what is left, and lets another process have the folder. The Recorder
// must not be used afterwards.
func (r *Recorder) Close() error {
	if r == nil {
		return nil
	}
	err := r.Flush()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.timer != nil {
		r.timer.Stop()
	}
	r.timer, r.saves = nil, false // one that has fired already finds nothing to write
	if r.lock != nil {
		err = join(err, r.lock.Close())
	}
	return err
}
