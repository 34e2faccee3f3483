package gitpack

import (
	"fmt"
	"io"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
)

// entry is what precedes the compressed data of an object in a packfile.
type entry struct {
	offset int64
	// kind is OFSDeltaObject or REFDeltaObject for a delta.
	kind plumbing.ObjectType
	// size is that of the decompressed data, in bytes.
	size int64
	// base is the offset of the entry that a delta of the first kind changes,
	// baseID the ID of the object that one of the second kind changes.
	base   int64
	baseID plumbing.Hash
}

// byteReader is what an entry is read from.
type byteReader interface {
	io.Reader
	io.ByteReader
}

// readEntry reads the header of the entry that starts at the offset.
func readEntry(reader byteReader, offset int64) (entry, error) {
	first, err := reader.ReadByte()
	if err != nil {
		return entry{}, malformed("object at %d: %w", offset, noEOF(err))
	}
	// The first byte has three bits of type and four of size, each further one
	// seven bits of size, the lowest first.
	e := entry{offset: offset, kind: plumbing.ObjectType(first >> 4 & 7), size: int64(first & 0x0f)}
	for b, shift := first, 4; b&0x80 != 0; shift += 7 {
		if b, err = reader.ReadByte(); err != nil {
			return entry{}, malformed("object at %d: %w", offset, noEOF(err))
		}
		if e.size |= int64(b&0x7f) << shift; shift > 32 || e.size > maxObjectSize {
			return entry{}, malformed("object at %d is said to be larger than %d bytes", offset, maxObjectSize)
		}
	}
	switch e.kind {
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
	case plumbing.OFSDeltaObject:
		distance, err := readDistance(reader)
		if err != nil {
			return entry{}, malformed("delta at %d: %w", offset, err)
		}
		if e.base = offset - distance; distance == 0 || e.base < headerSize {
			return entry{}, malformed("delta at %d changes what is no object", offset)
		}
	case plumbing.REFDeltaObject:
		if _, err := io.ReadFull(reader, e.baseID[:]); err != nil {
			return entry{}, malformed("delta at %d: %w", offset, noEOF(err))
		}
	default:
		return entry{}, malformed("object at %d has the unknown type %d", offset, e.kind)
	}
	return e, nil
}

// readDistance reads how far before a delta its base starts: seven bits a byte,
// the highest first, and one more than they say in all bytes but the last.
func readDistance(reader io.ByteReader) (int64, error) {
	distance := int64(-1)
	for {
		b, err := reader.ReadByte()
		if err != nil {
			return 0, noEOF(err)
		}
		if distance = (distance+1)<<7 | int64(b&0x7f); distance < 0 || distance > 1<<48 {
			return 0, fmt.Errorf("its base is out of reach")
		}
		if b&0x80 == 0 {
			return distance, nil
		}
	}
}

// appendEntryHeader writes what readEntry reads of an object that is no delta.
func appendEntryHeader(data []byte, kind plumbing.ObjectType, size int64) []byte {
	b := byte(kind)<<4 | byte(size&0x0f)
	for size >>= 4; size > 0; size >>= 7 {
		data = append(data, b|0x80)
		b = byte(size & 0x7f)
	}
	return append(data, b)
}

// appendDistance writes what readDistance reads.
func appendDistance(data []byte, distance int64) []byte {
	start := len(data)
	data = append(data, byte(distance&0x7f))
	for distance >>= 7; distance > 0; distance >>= 7 {
		distance--
		data = append(data, byte(distance&0x7f)|0x80)
	}
	slices.Reverse(data[start:])
	return data
}

// noEOF turns the end of the stream into what it is inside an object.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
