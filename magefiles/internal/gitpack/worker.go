package gitpack

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

const (
	// recentSize bounds the objects that one worker keeps as possible bases of
	// deltas, in bytes. Git sends an object and its changes one after the other.
	recentSize = 8 * cache.MiByte
	// Jobs go to a worker in batches: waking it for each would cost as much as the
	// jobs. A batch is full at so many jobs, or bytes.
	batchLength = 64
	batchSize   = 128 << 10
	// queueLength is how many batches may wait for one worker.
	queueLength = 4
	// maxDepth is how many deltas git itself lets follow each other at most.
	maxDepth = 4095
)

// worker turns entries into objects.
type worker struct {
	receiver *receiver
	number   int
	jobs     chan []job
	// batch holds the jobs that were not sent yet. It belongs to the reader.
	batch      []job
	batchBytes int
	// load is the size of the data of all jobs that are not done, in bytes.
	load     atomic.Int64
	recent   *cache.BufferLRU
	inflater inflater
	done     []located
}

// located is an object, and where its entry starts.
type located struct {
	id     plumbing.Hash
	offset int64
}

func newWorker(r *receiver, number int) *worker {
	return &worker{receiver: r, number: number, jobs: make(chan []job, queueLength), recent: cache.NewBufferLRU(recentSize)}
}

// put adds a job to the batch, and reports whether it is full.
func (w *worker) put(j job) bool {
	w.batch = append(w.batch, j)
	w.batchBytes += len(j.data)
	w.load.Add(int64(len(j.data)))
	return len(w.batch) >= batchLength || w.batchBytes >= batchSize
}

// send hands the batch over.
func (w *worker) send(ctx context.Context) error {
	batch := w.batch
	w.batch, w.batchBytes = nil, 0
	select {
	case w.jobs <- batch:
		return context.Cause(ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run does the worker's jobs until there are no more. After an error it stops the
// receiver and does no more than count the jobs, so that nobody waits in vain.
func (w *worker) run(stop context.CancelCauseFunc) error {
	var failed error
	for batch := range w.jobs {
		for _, j := range batch {
			if failed == nil {
				if failed = w.do(j); failed != nil {
					stop(failed)
				}
			}
			w.load.Add(-int64(len(j.data)))
			if j.of != plumbing.BlobObject {
				w.receiver.structure.Done()
			}
		}
	}
	return failed
}

func (w *worker) do(j job) error {
	content := j.data
	if j.kind.IsDelta() {
		base, err := w.content(j.base, 0)
		if err != nil {
			return err
		}
		if content, err = patch(base, j); err != nil {
			return err
		}
	}
	return w.found(j, content)
}

// doLate does a job without data.
func (w *worker) doLate(j job) error {
	content, err := w.content(j.offset, 0)
	if err != nil {
		return err
	}
	if err := w.found(j, content); err != nil {
		return err
	}
	last := w.done[len(w.done)-1]
	w.receiver.offsets[last.id] = last.offset
	return nil
}

// found notes an object and shows it to the visitor.
func (w *worker) found(j job, content []byte) error {
	id := ObjectID(j.of, content)
	w.recent.Put(j.offset, content)
	w.done = append(w.done, located{id, j.offset})
	w.receiver.index.Add(id, uint64(j.offset), j.checksum)
	return w.receiver.visitor.Visit(w.number, Object{ID: id, Kind: j.of, Content: content})
}

// content returns what the entry at the offset gives, from the file where it was
// not used recently.
func (w *worker) content(offset int64, depth int) ([]byte, error) {
	if content, ok := w.recent.Get(offset); ok {
		return content, nil
	}
	if depth > maxDepth {
		return nil, malformed("more than %d deltas follow each other", maxDepth)
	}
	source := bufio.NewReader(io.NewSectionReader(w.receiver.file, offset, 1<<62))
	e, err := readEntry(source, offset)
	if err != nil {
		return nil, err
	}
	content, err := w.inflater.inflate(source, e)
	if err != nil {
		return nil, err
	}
	if e.kind.IsDelta() {
		base, err := w.content(w.receiver.baseOf(e), depth+1)
		if err != nil {
			return nil, err
		}
		if content, err = patch(base, job{entry: e, data: content}); err != nil {
			return nil, err
		}
	}
	w.recent.Put(offset, content)
	return content, nil
}

// patch applies a delta to its base.
func patch(base []byte, delta job) ([]byte, error) {
	// A delta starts with the sizes of the base and of the result.
	_, n := binary.Uvarint(delta.data)
	size, m := binary.Uvarint(delta.data[max(n, 0):])
	if n <= 0 || m <= 0 || size > maxObjectSize {
		return nil, malformed("delta at %d: its result is said to be larger than %d bytes", delta.offset, maxObjectSize)
	}
	if len(base) == 0 {
		return nil, malformed("delta at %d changes an empty object", delta.offset)
	}
	content, err := packfile.PatchDelta(base, delta.data)
	if err != nil {
		return nil, malformed("delta at %d: %w", delta.offset, err)
	}
	return content, nil
}
