package gitpack

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
)

// Source is a packfile of another repository, with its index, that objects are
// copied from. It must not be used concurrently.
type Source struct {
	file  *os.File
	index *idxfile.MemoryIndex
	// starts are the offsets of all entries and of the trailer, in order.
	starts []int64
}

// OpenSources opens all packfiles of a folder that have an index.
func OpenSources(folder string) (sources []*Source, err error) {
	defer func() {
		if err != nil {
			CloseSources(sources)
			sources = nil
		}
	}()
	indexes, err := filepath.Glob(filepath.Join(folder, "pack-*.idx"))
	if err != nil {
		return nil, err
	}
	for _, index := range indexes {
		source, err := openSource(strings.TrimSuffix(index, ".idx"))
		if err != nil {
			return sources, fmt.Errorf("reading %s: %w", index, err)
		}
		sources = append(sources, source)
	}
	return sources, nil
}

// CloseSources closes what OpenSources opened.
func CloseSources(sources []*Source) {
	for _, source := range sources {
		source.file.Close()
	}
}

func openSource(base string) (*Source, error) {
	index, err := readIndex(base + ".idx")
	if err != nil {
		return nil, err
	}
	entries, err := index.EntriesByOffset()
	if err != nil {
		return nil, malformed("%w", err)
	}
	defer entries.Close()
	file, err := os.Open(base + ".pack")
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	source := &Source{file: file, index: index}
	for entry, err := entries.Next(); err == nil; entry, err = entries.Next() {
		source.starts = append(source.starts, int64(entry.Offset))
	}
	source.starts = append(source.starts, info.Size()-trailerSize)
	return source, nil
}

func readIndex(path string) (*idxfile.MemoryIndex, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	index := idxfile.NewMemoryIndex()
	if err := idxfile.NewDecoder(file).Decode(index); err != nil {
		return nil, malformed("%w", err)
	}
	return index, nil
}

// find returns where the entry of an object starts, or 0.
func (s *Source) find(id plumbing.Hash) int64 {
	offset, err := s.index.FindOffset(id)
	if err != nil {
		return 0
	}
	return offset
}

// maxEntryHeader is more than any entry's header is long, in bytes.
const maxEntryHeader = 64

// entry reads the header of the entry that starts at the offset.
func (s *Source) entry(offset int64) (entry, error) {
	e, _, err := s.read(offset, maxEntryHeader)
	return e, err
}

// raw reads the entry that starts at the offset: its header, and the compressed
// data that follow it.
func (s *Source) raw(offset int64) (entry, []byte, error) { return s.read(offset, math.MaxInt64) }

// read reads an entry up to a length in bytes.
func (s *Source) read(offset, limit int64) (entry, []byte, error) {
	at, found := slices.BinarySearch(s.starts, offset)
	if !found || at == len(s.starts)-1 || s.starts[at+1] <= offset {
		return entry{}, nil, malformed("%s has no object at %d", s.file.Name(), offset)
	}
	data := make([]byte, min(s.starts[at+1]-offset, limit))
	if _, err := s.file.ReadAt(data, offset); err != nil {
		return entry{}, nil, malformed("%s: object at %d: %w", s.file.Name(), offset, noEOF(err))
	}
	reader := bytes.NewReader(data)
	e, err := readEntry(reader, offset)
	if err != nil {
		return entry{}, nil, fmt.Errorf("%s: %w", s.file.Name(), err)
	}
	if e.kind == plumbing.REFDeltaObject {
		if e.base = s.find(e.baseID); e.base == 0 {
			return entry{}, nil, malformed("%s: object %s is missing", s.file.Name(), e.baseID)
		}
	}
	return e, data[len(data)-reader.Len():], nil
}

// baseID is the ID of the object that a delta changes.
func (s *Source) baseID(delta entry) (plumbing.Hash, error) {
	if delta.kind == plumbing.REFDeltaObject {
		return delta.baseID, nil
	}
	id, err := s.index.FindHash(delta.base)
	if err != nil {
		return plumbing.ZeroHash, malformed("%s: delta at %d changes what is no object", s.file.Name(), delta.offset)
	}
	return id, nil
}
