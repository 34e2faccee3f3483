package gitpack

import (
	"crypto/sha1"
	"hash"
	"hash/crc32"
	"io"
	"os"

	"github.com/go-git/go-git/v5/plumbing"
)

// windowSize is how much of the stream is looked at in one piece, in bytes.
const windowSize = 256 << 10

// window reads a packfile from a stream and writes what was read to a file. It
// knows the checksum of all that was read, and of the entry being read.
type window struct {
	stream io.Reader
	file   *os.File
	digest hash.Hash
	crc    uint32
	// buffer[next:] is unread; buffer[:saved] is in the file and in the digest,
	// and start is the offset in the stream of buffer[0].
	buffer      []byte
	saved, next int
	start       int64
	// entry is where in the buffer the present entry starts, as far as crc does
	// not hold it yet.
	entry int
	// failed is the error that came with the last bytes of the stream.
	failed error
}

func newWindow(stream io.Reader, file *os.File) *window {
	return &window{stream: stream, file: file, digest: sha1.New(), buffer: make([]byte, 0, windowSize)}
}

// offset is that of the next byte to be read.
func (w *window) offset() int64 { return w.start + int64(w.next) }

// savedTo is the length of the file.
func (w *window) savedTo() int64 { return w.start + int64(w.saved) }

// startEntry begins the checksum of an entry.
func (w *window) startEntry() { w.crc, w.entry = 0, w.next }

// entryChecksum is that of all since startEntry.
func (w *window) entryChecksum() uint32 {
	w.crc = crc32.Update(w.crc, crc32.IEEETable, w.buffer[w.entry:w.next])
	w.entry = w.next
	return w.crc
}

// save brings the file up to what was read.
func (w *window) save() error {
	part := w.buffer[w.saved:w.next]
	if len(part) == 0 {
		return nil
	}
	w.digest.Write(part)
	w.saved = w.next
	_, err := w.file.Write(part)
	return err
}

// fill replaces the buffer, all of which was read.
func (w *window) fill() error {
	w.entryChecksum()
	if err := w.save(); err != nil {
		return err
	}
	w.start += int64(len(w.buffer))
	w.saved, w.next, w.entry = 0, 0, 0
	w.buffer = w.buffer[:0]
	for len(w.buffer) == 0 && w.failed == nil {
		var n int
		n, w.failed = w.stream.Read(w.buffer[:cap(w.buffer)])
		w.buffer = w.buffer[:n]
	}
	if len(w.buffer) > 0 {
		return nil
	}
	return w.failed
}

// ReadByte implements io.ByteReader.
func (w *window) ReadByte() (byte, error) {
	if w.next == len(w.buffer) {
		if err := w.fill(); err != nil {
			return 0, err
		}
	}
	b := w.buffer[w.next]
	w.next++
	return b, nil
}

// Read implements io.Reader.
func (w *window) Read(p []byte) (int, error) {
	if w.next == len(w.buffer) {
		if err := w.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, w.buffer[w.next:])
	w.next += n
	return n, nil
}

// finish reads the trailer, which ends the stream, and returns the checksum.
func (w *window) finish() (plumbing.Hash, error) {
	if err := w.save(); err != nil {
		return plumbing.ZeroHash, err
	}
	want := plumbing.Hash(w.digest.Sum(nil))
	var got plumbing.Hash
	if _, err := io.ReadFull(w, got[:]); err != nil {
		return plumbing.ZeroHash, malformed("its checksum: %w", noEOF(err))
	}
	if got != want {
		return plumbing.ZeroHash, malformed("its checksum is %s, not %s", want, got)
	}
	if err := w.save(); err != nil {
		return plumbing.ZeroHash, err
	}
	switch _, err := w.ReadByte(); err {
	case io.EOF:
		return want, nil
	case nil:
		return plumbing.ZeroHash, malformed("something follows its end")
	default:
		// As within the packfile. What frames the stream may be cut behind it, too.
		return plumbing.ZeroHash, malformed("the end of its stream: %w", err)
	}
}
