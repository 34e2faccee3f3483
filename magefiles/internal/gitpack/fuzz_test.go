package gitpack

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

func FuzzDistance(f *testing.F) {
	for _, distance := range []int64{1, 127, 128, 16511, 16512, 1 << 40} {
		f.Add(distance)
	}
	f.Fuzz(func(t *testing.T, distance int64) {
		if distance <= 0 || distance > 1<<48 {
			return
		}
		got, err := readDistance(bytes.NewReader(appendDistance(nil, distance)))
		if got != distance || err != nil {
			t.Errorf("%d is read as %d: %v", distance, got, err)
		}
	})
}

func FuzzEntryHeader(f *testing.F) {
	f.Add(byte(plumbing.BlobObject), int64(15))
	f.Add(byte(plumbing.TreeObject), int64(16))
	f.Add(byte(plumbing.CommitObject), int64(maxObjectSize))
	f.Fuzz(func(t *testing.T, kind byte, size int64) {
		if kind < byte(plumbing.CommitObject) || kind > byte(plumbing.TagObject) || size < 0 {
			return
		}
		got, err := readEntry(bytes.NewReader(appendEntryHeader(nil, plumbing.ObjectType(kind), size)), headerSize)
		if size > maxObjectSize {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("size %d: %v, want ErrMalformed", size, err)
			}
			return
		}
		if want := (entry{offset: headerSize, kind: plumbing.ObjectType(kind), size: size}); got != want || err != nil {
			t.Errorf("%+v is read as %+v: %v", want, got, err)
		}
	})
}

type discarder struct{}

func (discarder) Visit(int, Object) error             { return nil }
func (discarder) Complete(*idxfile.MemoryIndex) error { return nil }

// FuzzReceive takes a packfile without its checksum, so that damage gets further.
// What is accepted must be what go-git makes of it too.
func FuzzReceive(f *testing.F) {
	f.Add([]byte("PACK"))
	f.Add(header(0))
	f.Add(seed(f))
	f.Fuzz(func(t *testing.T, body []byte) {
		checksum := sha1.Sum(body)
		data := append(bytes.Clone(body), checksum[:]...)
		packs := t.TempDir()
		err := Receive(t.Context(), bytes.NewReader(data), packs, 2, discarder{})
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
			if left, _ := os.ReadDir(packs); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			return
		}
		theirs := new(idxfile.Writer)
		parser, err := packfile.NewParser(packfile.NewScanner(bytes.NewReader(data)), theirs)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(); err != nil {
			return // go-git is stricter about what nobody sends
		}
		compareIndexes(t, packs, theirs)
	})
}

func compareIndexes(t *testing.T, packs string, theirs *idxfile.Writer) {
	t.Helper()
	index, err := theirs.Index()
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if _, err := idxfile.NewEncoder(&want).Encode(index); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(packs, "*.idx"))
	if err != nil || len(found) != 1 {
		t.Fatalf("indexes: %v %v", found, err)
	}
	got, err := os.ReadFile(found[0])
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("the index is not that of go-git (%v)", err)
	}
}

// seed is a packfile with an object of each kind, and a delta.
func seed(f *testing.F) []byte {
	base := bytes.Repeat([]byte("base "), 20)
	delta := append([]byte{byte(len(base)), 5, 0x80 | 0x10, 4}, 1, '!') // four bytes of the base, and one more
	body := header(4)
	for kind, content := range map[plumbing.ObjectType][]byte{plumbing.CommitObject: []byte("commit"), plumbing.TreeObject: nil} {
		packed, err := Pack(kind, content)
		if err != nil {
			f.Fatal(err)
		}
		body = append(body, packed.data...)
	}
	start := len(body)
	packed, err := Pack(plumbing.BlobObject, base)
	if err != nil {
		f.Fatal(err)
	}
	body = append(body, packed.data...)
	packed, err = Pack(plumbing.BlobObject, delta)
	if err != nil {
		f.Fatal(err)
	}
	deltaHeader := appendEntryHeader(nil, plumbing.BlobObject, int64(len(delta)))
	distance := int64(len(body) - start)
	body = appendDistance(appendEntryHeader(body, plumbing.OFSDeltaObject, int64(len(delta))), distance)
	return append(body, packed.data[len(deltaHeader):]...)
}

func TestReadEntryStaysInBounds(t *testing.T) {
	for name, data := range map[string][]byte{
		"empty":                 {},
		"size goes on for ever": bytes.Repeat([]byte{0xff}, 100),
		"distance of 0":         {0x60, 0},
		"distance too far":      {0x60, 0xff, 0x7f},
		"type 0":                {0x00},
		"type 5":                {0x50},
		"half an ID":            append([]byte{0x70}, make([]byte, 10)...),
	} {
		if _, err := readEntry(bufio.NewReader(bytes.NewReader(data)), 100); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
}
