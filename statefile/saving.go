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
	// retryDelay is how long a save that failed waits for the next try.
	retryDelay = time.Minute
)

// saveStart saves the start. What can't be written now, on a full disk for one, is
// tried again later.
func (r *Recorder) saveStart() error {
	r.mutex.Lock()
	r.saveSoon()
	r.mutex.Unlock()
	if err := r.Flush(); err != nil {
		return err
	}
	klog.InfoS("Steadylet recorded the start of the kubelet", "path", r.path, "version", r.state.Kubelet.Version,
		"startTime", r.state.Kubelet.StartTime, "earlierVersions", len(r.state.History),
		"containers", len(r.state.Containers), "staticPods", len(r.state.StaticPods))
	removeLeftovers(r.path)
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
// later.
func (r *Recorder) Flush() error {
	if r == nil {
		return nil
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mutex.Lock()
	if r.timer == nil {
		r.mutex.Unlock()
		return nil
	}
	r.mutex.Unlock()
	data, whole, err := r.unsaved()
	if err == nil {
		seal(data)
		err = write(r.path, data, whole)
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.whole, r.failing = whole || err == nil, err != nil; r.failing {
		r.saveAfter(retryDelay)
	}
	return err
}

// unsaved returns the text of what has not been written yet, without its checksum, and ends
// the wait for it. The next call overwrites the text: r.writing is held. whole says that the
// file in place is a whole one: once this process wrote it, it stays so, since no other may
// write.
func (r *Recorder) unsaved() (data []byte, whole bool, err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock() // after a panic, too: pod workers wait for it
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	kept := r.encoder
	r.encoder = new(encoder) // for after a panic, or an error
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
	if r.lock != nil {
		err = join(err, r.lock.Close())
	}
	return err
}
