package gitpack

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"hash/crc32"
	"io"
	"os"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
)

// Writer writes objects into one new packfile, undeltified and lightly
// compressed: it is written once, on this machine, and read right away. (go-git's
// own encoder takes its objects from a storage, where each would be a file first.)
type Writer struct {
	file   *os.File
	offset int64
	index  idxfile.Writer
	seen   map[plumbing.Hash]bool
}

// Packed is an object in the form in which a packfile holds it.
type Packed struct {
	ID   plumbing.Hash
	data []byte
}

// NewWriter starts a packfile in the folder, which is created where it is
// missing. Discard must be called in the end.
func NewWriter(folder string) (*Writer, error) {
	file, err := createUnfinished(folder)
	if err != nil {
		return nil, err
	}
	if _, err := file.Write(make([]byte, headerSize)); err != nil {
		discard(file)
		return nil, err
	}
	return &Writer{file: file, offset: headerSize, seen: map[plumbing.Hash]bool{}}, nil
}

// compressors holds idle *zlib.Writers: each has tables of some hundred KiB, and most
// objects are smaller than that.
var compressors = sync.Pool{New: func() any {
	compressor, err := zlib.NewWriterLevel(nil, zlib.BestSpeed)
	if err != nil {
		panic(err) // only for a level that does not exist
	}
	return compressor
}}

// Pack compresses one object. It is safe for concurrent use.
func Pack(kind plumbing.ObjectType, content []byte) (Packed, error) {
	data := bytes.NewBuffer(appendEntryHeader(nil, kind, int64(len(content))))
	compressor := compressors.Get().(*zlib.Writer)
	defer compressors.Put(compressor)
	compressor.Reset(data)
	if _, err := compressor.Write(content); err != nil {
		return Packed{}, err
	}
	if err := compressor.Close(); err != nil {
		return Packed{}, err
	}
	return Packed{ID: ObjectID(kind, content), data: data.Bytes()}, nil
}

// Add appends an object, unless it is there already.
func (w *Writer) Add(object Packed) error {
	if w.seen[object.ID] {
		return nil
	}
	if _, err := w.file.Write(object.data); err != nil {
		return err
	}
	w.seen[object.ID] = true
	w.index.Add(object.ID, uint64(w.offset), crc32.ChecksumIEEE(object.data))
	w.offset += int64(len(object.data))
	return nil
}

// Finish completes the packfile, writes its index and gives both their names.
func (w *Writer) Finish() error {
	if _, err := w.file.WriteAt(header(len(w.seen)), 0); err != nil {
		return err
	}
	digest := sha1.New()
	if _, err := io.Copy(digest, io.NewSectionReader(w.file, 0, w.offset)); err != nil {
		return err
	}
	checksum := plumbing.Hash(digest.Sum(nil))
	if _, err := w.file.Write(checksum[:]); err != nil {
		return err
	}
	index, err := makeIndex(&w.index, checksum, len(w.seen))
	if err != nil {
		return err
	}
	return install(w.file, checksum, index)
}

// Discard removes an unfinished packfile; after Finish it does nothing.
func (w *Writer) Discard() { discard(w.file) }
