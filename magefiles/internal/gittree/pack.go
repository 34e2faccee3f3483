package gittree

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// bundle is what one packfile is going to hold. It is the storage that go-git's encoder
// reads the objects from.
type bundle struct {
	storer.EncodedObjectStorer // nil: the encoder calls EncodedObject alone
	order                      []plumbing.Hash
	objects                    map[plumbing.Hash]plumbing.EncodedObject
}

func newBundle() *bundle { return &bundle{objects: map[plumbing.Hash]plumbing.EncodedObject{}} }

func (b *bundle) has(id plumbing.Hash) bool { return b.objects[id] != nil }

// add adds an object, unless it is there already.
func (b *bundle) add(id plumbing.Hash, object plumbing.EncodedObject) {
	if !b.has(id) {
		b.objects[id] = object
		b.order = append(b.order, id)
	}
}

// addBlob adds a file's content, which is read when it is packed. An error names it.
func (b *bundle) addBlob(name string, id plumbing.Hash, size int64, read func() ([]byte, error)) {
	blob := &lateBlob{name: name, id: id, read: read}
	blob.SetType(plumbing.BlobObject)
	blob.SetSize(size)
	b.add(id, blob)
}

// EncodedObject implements storer.EncodedObjectStorer.
func (b *bundle) EncodedObject(_ plumbing.ObjectType, id plumbing.Hash) (plumbing.EncodedObject, error) {
	return b.objects[id], nil
}

// write writes the packfile.
func (b *bundle) write(to io.Writer) error {
	buffered := bufio.NewWriterSize(to, bufferSize) // the encoder writes byte by byte
	_, err := packfile.NewEncoder(buffered, b, false).Encode(b.order, 0)
	return errors.Join(err, buffered.Flush())
}

// bufferSize is how much of a packfile is written at a time, in bytes.
const bufferSize = 128 << 10

// pack stores a bundle.
func (s *Store) pack(b *bundle) error {
	return s.admit(func(aside *Store) error {
		writer, err := aside.objects.PackfileWriter()
		if err != nil {
			return err
		}
		if err := b.write(writer); err != nil {
			writer.Close() // its error is that the packfile is incomplete
			return err
		}
		return writer.Close()
	})
}

// lateBlob is a file's content that is read when it is packed.
type lateBlob struct {
	plumbing.MemoryObject // its type and size
	name                  string
	id                    plumbing.Hash
	read                  func() ([]byte, error)
}

// Reader implements plumbing.EncodedObject.
func (b *lateBlob) Reader() (io.ReadCloser, error) {
	content, err := b.read()
	if err != nil {
		return nil, err
	}
	if got := plumbing.ComputeHash(plumbing.BlobObject, content); got != b.id {
		return nil, fmt.Errorf("%s: %w: it is blob %s, and was %s", b.name, ErrAltered, got, b.id)
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

// readAll returns the content of an object.
func readAll(encoded plumbing.EncodedObject) ([]byte, error) {
	reader, err := encoded.Reader()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(reader)
	return data, errors.Join(err, reader.Close())
}
