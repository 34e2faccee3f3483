package gittree

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
)

// packWriter writes objects into one new packfile, undeltified and lightly
// compressed: it is written once, on this machine, and read right away. (go-git's
// own encoder takes its objects from a storage, where each would be a file first.)
//
// The format is that of git's Documentation/gitformat-pack.txt.
type packWriter struct {
	file   *os.File
	offset int64
	index  idxfile.Writer
	seen   map[plumbing.Hash]bool
}

// packedObject is an object in the form in which a packfile holds it.
type packedObject struct {
	id   plumbing.Hash
	data []byte
}

const packHeaderSize = 12

func newPackWriter(dir string) (*packWriter, error) {
	folder := filepath.Join(dir, "objects", "pack")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(folder, "tmp_pack_")
	if err != nil {
		return nil, err
	}
	w := &packWriter{file: file, offset: packHeaderSize, seen: map[plumbing.Hash]bool{}}
	_, err = file.Write(make([]byte, packHeaderSize))
	return w, err
}

// pack compresses one object. It is safe for concurrent use.
func pack(kind plumbing.ObjectType, content []byte) (packedObject, error) {
	var data bytes.Buffer
	// The first byte has three bits of type and four of size, each further one
	// seven bits of size.
	size := uint64(len(content))
	head := byte(kind)<<4 | byte(size&0x0f)
	for size >>= 4; size > 0; size >>= 7 {
		data.WriteByte(head | 0x80)
		head = byte(size & 0x7f)
	}
	data.WriteByte(head)
	compressor, err := zlib.NewWriterLevel(&data, zlib.BestSpeed)
	if err != nil {
		return packedObject{}, err
	}
	if _, err := compressor.Write(content); err != nil {
		return packedObject{}, err
	}
	if err := compressor.Close(); err != nil {
		return packedObject{}, err
	}
	return packedObject{id: objectID(kind, content), data: data.Bytes()}, nil
}

// objectID is git's ID of an object. (SHA-1 names the content here; what vouches
// for it is the digest that its source was checked against.)
func objectID(kind plumbing.ObjectType, content []byte) plumbing.Hash {
	hash := sha1.New()
	fmt.Fprintf(hash, "%s %d\x00", kind, len(content))
	hash.Write(content)
	return plumbing.Hash(hash.Sum(nil))
}

// add appends an object, unless it is there already.
func (w *packWriter) add(object packedObject) error {
	if w.seen[object.id] {
		return nil
	}
	if _, err := w.file.Write(object.data); err != nil {
		return err
	}
	w.seen[object.id] = true
	w.index.Add(object.id, uint64(w.offset), crc32.ChecksumIEEE(object.data))
	w.offset += int64(len(object.data))
	return nil
}

// finish completes the packfile, writes its index and gives both their names.
// The index goes last: git sees a packfile by its index.
func (w *packWriter) finish() error {
	header := make([]byte, packHeaderSize)
	copy(header, "PACK")
	binary.BigEndian.PutUint32(header[4:], 2)
	binary.BigEndian.PutUint32(header[8:], uint32(len(w.seen)))
	if _, err := w.file.WriteAt(header, 0); err != nil {
		return err
	}
	checksum := sha1.New()
	if _, err := io.Copy(checksum, io.NewSectionReader(w.file, 0, w.offset)); err != nil {
		return err
	}
	if _, err := w.file.Write(checksum.Sum(nil)); err != nil {
		return err
	}
	if err := errors.Join(w.file.Sync(), w.file.Chmod(0o444), w.file.Close()); err != nil {
		return err
	}
	if err := w.index.OnFooter(plumbing.Hash(checksum.Sum(nil))); err != nil {
		return err
	}
	index, err := w.index.Index()
	if err != nil {
		return err
	}
	base := filepath.Join(filepath.Dir(w.file.Name()), "pack-"+hex.EncodeToString(checksum.Sum(nil)))
	if err := os.Rename(w.file.Name(), base+".pack"); err != nil {
		return err
	}
	return writeIndex(index, base+".idx")
}

func writeIndex(index *idxfile.MemoryIndex, path string) error {
	file, err := os.CreateTemp(filepath.Dir(path), "tmp_idx_")
	if err != nil {
		return err
	}
	_, err = idxfile.NewEncoder(file).Encode(index)
	if err = errors.Join(err, file.Sync(), file.Chmod(0o444), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// discard removes an unfinished packfile; after finish it does nothing.
func (w *packWriter) discard() {
	w.file.Close()
	os.Remove(w.file.Name())
}
