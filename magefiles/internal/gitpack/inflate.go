package gitpack

import (
	"bytes"
	"compress/zlib"
	"io"
)

// inflater decompresses objects, one after the other.
type inflater struct{ reader io.ReadCloser }

// eagerSize is the length, in bytes, up to which it is believed before the data
// are there.
const eagerSize = 16 << 20

// inflate returns the data that the entry's header announced.
func (i *inflater) inflate(source byteReader, e entry) ([]byte, error) {
	if err := i.reset(source); err != nil {
		return nil, malformed("object at %d: %w", e.offset, noEOF(err))
	}
	var data []byte
	var err error
	if e.size <= eagerSize {
		data = make([]byte, e.size)
		_, err = io.ReadFull(i.reader, data)
	} else {
		var buffer bytes.Buffer
		_, err = io.CopyN(&buffer, i.reader, e.size)
		data = buffer.Bytes()
	}
	if err != nil {
		return nil, malformed("object at %d: %w", e.offset, noEOF(err))
	}
	// The checksum of the data comes with the end, and so does too long an object.
	var more [1]byte
	if n, err := i.reader.Read(more[:]); err != io.EOF || n != 0 {
		if n != 0 {
			return nil, malformed("object at %d is longer than it says", e.offset)
		}
		return nil, malformed("object at %d: %w", e.offset, noEOF(err))
	}
	return data, nil
}

func (i *inflater) reset(source byteReader) (err error) {
	if i.reader == nil {
		i.reader, err = zlib.NewReader(source)
		return err
	}
	return i.reader.(zlib.Resetter).Reset(source, nil)
}
