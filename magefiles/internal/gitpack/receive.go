package gitpack

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"golang.org/x/sync/errgroup"
)

// Object is an object whose ID was computed from its content.
type Object struct {
	ID      plumbing.Hash
	Kind    plumbing.ObjectType
	Content []byte
}

// Visitor is shown what a packfile holds before the packfile is stored.
type Visitor interface {
	// Visit is called once for every object, by several workers at a time; worker
	// counts from 0. A blob is visited after everything that precedes it in the
	// packfile and is no blob (git sends nearly all of that first). Only what is
	// stored as a change of an object named by its ID, which git doesn't do unless
	// asked, comes at the end. The content must be neither changed nor kept.
	Visit(worker int, object Object) error
	// Complete is called in the end, when everything was visited.
	Complete(index *idxfile.MemoryIndex) error
}

// job is an entry with its data, on the way from the stream to a worker.
type job struct {
	entry
	// of is the kind of the object that the entry gives, delta or not.
	of       plumbing.ObjectType
	data     []byte
	checksum uint32
}

// place is what the reader of the stream remembers of an entry.
type place struct {
	worker int
	of     plumbing.ObjectType
}

// receiver is one call of Receive.
type receiver struct {
	window  *window
	file    *os.File
	index   idxfile.Writer
	visitor Visitor
	workers []*worker
	places  map[int64]place
	objects int
	// late are the entries whose base was not known when they were read, and
	// offsets, which is filled for them, says where the others start.
	late    []job
	offsets map[plumbing.Hash]int64
	// structure counts the objects under way that are no blobs; unsettled is set
	// when there may be some.
	structure sync.WaitGroup
	unsettled bool
}

// Receive reads a packfile from a stream that ends with it, shows every object to
// the visitor, in the given number of workers, and stores it with its index in
// the folder. After an error nothing is stored. A packfile that is damaged,
// incomplete or refers to objects outside itself gives an error that matches
// ErrMalformed; an error of the visitor is passed on.
func Receive(ctx context.Context, stream io.Reader, folder string, workers int, visitor Visitor) error {
	file, err := createUnfinished(folder)
	if err != nil {
		return err
	}
	defer discard(file)
	r := &receiver{window: newWindow(stream, file), file: file, visitor: visitor, places: map[int64]place{}}
	checksum, err := r.run(ctx, workers)
	if err != nil {
		return err
	}
	if err := r.resolveLate(ctx); err != nil {
		return err
	}
	index, err := makeIndex(&r.index, checksum, r.objects)
	if err != nil {
		return err
	}
	if err := visitor.Complete(index); err != nil {
		return err
	}
	return install(file, checksum, index)
}

func (r *receiver) run(ctx context.Context, workers int) (checksum plumbing.Hash, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var group errgroup.Group
	for number := range workers {
		w := newWorker(r, number)
		r.workers = append(r.workers, w)
		group.Go(func() error { return w.run(stop) })
	}
	group.Go(func() (err error) {
		defer func() {
			for _, w := range r.workers {
				close(w.jobs)
			}
		}()
		checksum, err = r.read(ctx)
		return err
	})
	return checksum, group.Wait()
}

// read reads the whole stream and deals its objects out.
func (r *receiver) read(ctx context.Context) (plumbing.Hash, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r.window, head[:]); err != nil {
		return plumbing.ZeroHash, malformed("its header: %w", noEOF(err))
	}
	if !bytes.Equal(head[:8], header(0)[:8]) {
		return plumbing.ZeroHash, malformed("it does not start as one of version %d does", version)
	}
	var inflater inflater
	r.objects = int(binary.BigEndian.Uint32(head[8:]))
	for range r.objects {
		r.window.startEntry()
		e, err := readEntry(r.window, r.window.offset())
		if err != nil {
			return plumbing.ZeroHash, err
		}
		data, err := inflater.inflate(r.window, e)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		if err := r.deal(ctx, job{entry: e, data: data, checksum: r.window.entryChecksum()}); err != nil {
			return plumbing.ZeroHash, err
		}
	}
	if err := r.sendAll(ctx); err != nil {
		return plumbing.ZeroHash, err
	}
	return r.window.finish()
}

// deal gives a job to a worker. All changes of an object go to the worker that
// has the object, which finds the base done, and mostly at hand.
func (r *receiver) deal(ctx context.Context, j job) error {
	at := place{worker: r.leastBusy(), of: j.kind}
	if j.kind.IsDelta() {
		base, known := r.places[j.base]
		if !known {
			j.data = nil // it is read again
			r.late = append(r.late, j)
			return nil
		}
		at = base
		// The worker may have to read the base again, from the file.
		if j.base >= r.window.savedTo() {
			if err := r.window.save(); err != nil {
				return err
			}
		}
	}
	r.places[j.offset], j.of = at, at.of
	if j.of != plumbing.BlobObject {
		r.structure.Add(1)
		r.unsettled = true
	} else if err := r.settle(ctx); err != nil {
		return err
	}
	if w := r.workers[at.worker]; w.put(j) {
		return w.send(ctx)
	}
	return nil
}

// settle waits until all objects that are no blobs are done.
func (r *receiver) settle(ctx context.Context) error {
	if !r.unsettled {
		return nil
	}
	if err := r.sendAll(ctx); err != nil {
		return err
	}
	r.structure.Wait()
	r.unsettled = false
	return nil
}

func (r *receiver) sendAll(ctx context.Context) error {
	for _, w := range r.workers {
		if err := w.send(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *receiver) leastBusy() int {
	least := 0
	for i, w := range r.workers {
		if w.load.Load() < r.workers[least].load.Load() {
			least = i
		}
	}
	return least
}

// resolveLate does the entries that were put off: changes of an object that is
// named by its ID, and changes of such changes.
func (r *receiver) resolveLate(ctx context.Context) error {
	if len(r.late) == 0 {
		return nil
	}
	r.offsets = map[plumbing.Hash]int64{}
	for _, w := range r.workers {
		for _, done := range w.done {
			r.offsets[done.id] = done.offset
		}
	}
	for len(r.late) > 0 {
		var rest []job
		for _, j := range r.late {
			base, known := r.places[r.baseOf(j.entry)]
			if !known {
				rest = append(rest, j)
				continue
			}
			j.of = base.of
			r.places[j.offset] = base
			if err := r.workers[0].doLate(j); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if len(rest) == len(r.late) {
			return malformed("%d objects are changes of objects that are not in it", len(rest))
		}
		r.late = rest
	}
	return nil
}

// baseOf returns where the base of a delta starts, or 0.
func (r *receiver) baseOf(e entry) int64 {
	if e.kind == plumbing.REFDeltaObject {
		return r.offsets[e.baseID]
	}
	return e.base
}
