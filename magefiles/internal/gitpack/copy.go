package gitpack

import (
	"cmp"
	"crypto/sha1"
	"errors"
	"io"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
)

// Loose gives an object that is in no packfile.
type Loose func(id plumbing.Hash) (Packed, error)

// Copy writes a packfile of the listed objects to a stream that Receive can
// read: all of the first group, then all of the next. What the sources hold is
// copied as it is, unopened, together with the objects that it is a change of;
// everything else is asked of loose.
func Copy(stream io.Writer, sources []*Source, groups [][]plumbing.Hash, loose Loose) error {
	digest := sha1.New()
	c := copier{stream: io.MultiWriter(stream, digest), sources: sources, at: map[plumbing.Hash]location{}, starts: map[location]int64{}}
	for _, group := range groups {
		if err := c.choose(group); err != nil {
			return err
		}
	}
	if err := c.write(header(len(c.order))); err != nil {
		return err
	}
	for _, object := range c.order {
		if err := c.copy(object, loose); err != nil {
			return err
		}
	}
	_, err := stream.Write(digest.Sum(nil))
	return err
}

// location is where the entry of an object starts; source -1 is for a loose one.
type location struct {
	source int
	offset int64
}

// chosen is an object to copy.
type chosen struct {
	id plumbing.Hash
	location
}

type copier struct {
	stream  io.Writer
	sources []*Source
	order   []chosen
	at      map[plumbing.Hash]location
	// starts says where in the copy the entries that were copied start, and 0 for
	// those that are going to be.
	starts  map[location]int64
	written int64
}

// choose adds a group, in the order in which the sources hold it: there a delta
// follows its base.
func (c *copier) choose(group []plumbing.Hash) error {
	start := len(c.order)
	for _, id := range group {
		if _, done := c.at[id]; !done {
			c.add(id, c.find(id))
		}
	}
	for i := start; i < len(c.order); i++ {
		if err := c.addBase(c.order[i].location); err != nil {
			return err
		}
	}
	slices.SortStableFunc(c.order[start:], func(a, b chosen) int {
		return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.offset, b.offset))
	})
	return nil
}

func (c *copier) find(id plumbing.Hash) location {
	for i, source := range c.sources {
		if offset := source.find(id); offset != 0 {
			return location{i, offset}
		}
	}
	return location{source: -1}
}

func (c *copier) add(id plumbing.Hash, at location) {
	c.order = append(c.order, chosen{id, at})
	c.at[id] = at
	c.starts[at] = 0
}

// addBase adds the object that another one is a change of.
func (c *copier) addBase(at location) error {
	if at.source < 0 {
		return nil
	}
	e, err := c.sources[at.source].entry(at.offset)
	if err != nil || !e.kind.IsDelta() {
		return err
	}
	base := location{at.source, e.base}
	if _, done := c.starts[base]; done {
		return nil
	}
	id, err := c.sources[at.source].baseID(e)
	if err != nil {
		return err
	}
	if _, done := c.at[id]; !done { // it may come from elsewhere
		c.add(id, base)
	}
	return nil
}

func (c *copier) copy(object chosen, loose Loose) error {
	start := c.written
	if object.source < 0 {
		packed, err := loose(object.id)
		if err != nil {
			return err
		}
		return c.write(packed.data)
	}
	source := c.sources[object.source]
	e, data, err := source.raw(object.offset)
	if err != nil {
		return err
	}
	head, err := c.header(e, object.source)
	if err != nil {
		return err
	}
	c.starts[object.location] = start
	return errors.Join(c.write(head), c.write(data))
}

// header is that of an entry's copy: its base lies elsewhere now.
func (c *copier) header(e entry, source int) ([]byte, error) {
	if !e.kind.IsDelta() {
		return appendEntryHeader(nil, e.kind, e.size), nil
	}
	if base := c.starts[location{source, e.base}]; base != 0 {
		return appendDistance(appendEntryHeader(nil, plumbing.OFSDeltaObject, e.size), c.written-base), nil
	}
	id, err := c.sources[source].baseID(e)
	return append(appendEntryHeader(nil, plumbing.REFDeltaObject, e.size), id[:]...), err
}

func (c *copier) write(data []byte) error {
	c.written += int64(len(data))
	_, err := c.stream.Write(data)
	return err
}
