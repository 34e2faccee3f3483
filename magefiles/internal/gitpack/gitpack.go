// Package gitpack writes, receives and copies git packfiles (git's
// Documentation/gitformat-pack.txt), where go-git's own ways read every object
// several times: here each is decompressed and hashed once, and handed on at that
// moment.
//
// A packfile appears under its name when it is whole and on the disk, and its
// index after it. What a crash leaves of an unfinished one has a name that starts
// with tmp_; Recover clears it away, and makes an index that is not there yet.
package gitpack

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
)

const (
	headerSize  = 12 // "PACK", version, number of objects
	trailerSize = 20 // the SHA-1 of all before it
	version     = 2

	// maxObjectSize bounds one object, in bytes, so that a damaged length can't
	// claim all memory. The largest file of Kubernetes is under 10 MiB.
	maxObjectSize = 512 << 20
)

// ErrMalformed is matched by the error for a packfile that breaks the format,
// ends early or fails one of its checksums.
var ErrMalformed = errors.New("malformed packfile")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrMalformed, fmt.Errorf(format, args...))
}

// ObjectID is git's ID of an object. (SHA-1 names the content here; what vouches
// for it is the digest that its source was checked against.)
func ObjectID(kind plumbing.ObjectType, content []byte) plumbing.Hash {
	hash := sha1.New()
	fmt.Fprintf(hash, "%s %d\x00", kind, len(content))
	hash.Write(content)
	return plumbing.Hash(hash.Sum(nil))
}

// RemoveUnfinished removes what a crash left of unfinished packfiles in the
// folder. Nothing else may be writing there.
func RemoveUnfinished(folder string) error {
	left, err := filepath.Glob(filepath.Join(folder, "tmp_*"))
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

func header(objects int) []byte {
	data := append(make([]byte, 0, headerSize), "PACK"...)
	data = binary.BigEndian.AppendUint32(data, version)
	return binary.BigEndian.AppendUint32(data, uint32(objects))
}

// makeIndex completes the index of a packfile of so many objects.
func makeIndex(entries *idxfile.Writer, checksum plumbing.Hash, objects int) (*idxfile.MemoryIndex, error) {
	if err := entries.OnFooter(checksum); err != nil {
		return nil, err
	}
	index, err := entries.Index()
	if err != nil {
		return nil, err
	}
	// git refuses a packfile that counts otherwise than its index.
	if count, err := index.Count(); err != nil || count != int64(objects) {
		return nil, malformed("an object is in it twice")
	}
	return index, nil
}

// install gives a whole packfile its name, and writes its index. The index goes
// last: git sees a packfile by its index.
func install(file *os.File, checksum plumbing.Hash, index *idxfile.MemoryIndex) error {
	if err := errors.Join(file.Sync(), file.Chmod(0o444), file.Close()); err != nil {
		return err
	}
	base := filepath.Join(filepath.Dir(file.Name()), "pack-"+hex.EncodeToString(checksum[:]))
	if err := os.Rename(file.Name(), base+".pack"); err != nil {
		return err
	}
	if err := writeIndex(index, base+".idx"); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(base))
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

// syncFolder makes the renames in a folder last.
func syncFolder(folder string) error {
	file, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// createUnfinished makes the file that install gives its name later.
func createUnfinished(folder string) (*os.File, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	return os.CreateTemp(folder, "tmp_pack_")
}

// discard removes an unfinished packfile; after install it does nothing.
func discard(file *os.File) {
	file.Close()
	os.Remove(file.Name())
}

var _ io.ByteReader = (*window)(nil) // without it, decompressing reads too far
