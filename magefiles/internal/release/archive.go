package release

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/manifest"
)

// ArchiveEntry is one file of an archive.
type ArchiveEntry struct {
	// Name is relative, with slashes; Source is the path of the file.
	Name   string
	Source string
	Mode   fs.FileMode
}

// WriteArchive writes a tar.gz whose bytes depend on the entries, their order and the
// date alone: name must not exist, and top is the folder that all of it lies in. Everything
// belongs to root. When it fails an incomplete file may be left.
func WriteArchive(name, top string, entries []ArchiveEntry, date time.Time) (err error) {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	packed, err := gzip.NewWriterLevel(file, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(packed)
	if err := addFolders(archive, top, entries, date); err != nil {
		return err
	}
	for _, entry := range entries {
		if err := addFile(archive, path.Join(top, entry.Name), entry, date); err != nil {
			return fmt.Errorf("adding %s to %s: %w", entry.Name, name, err)
		}
	}
	return errors.Join(archive.Close(), packed.Close())
}

// addFolders writes every folder that the entries lie in, once, outermost first.
func addFolders(archive *tar.Writer, top string, entries []ArchiveEntry, date time.Time) error {
	written := map[string]bool{".": true}
	var add func(folder string) error
	add = func(folder string) error {
		if written[folder] {
			return nil
		}
		if err := add(path.Dir(folder)); err != nil {
			return err
		}
		written[folder] = true
		return archive.WriteHeader(header(tar.TypeDir, folder+"/", 0o755, 0, date))
	}
	for _, entry := range entries {
		if err := add(path.Dir(path.Join(top, entry.Name))); err != nil {
			return err
		}
	}
	return nil
}

func addFile(archive *tar.Writer, name string, entry ArchiveEntry, date time.Time) error {
	source, err := os.Open(entry.Source)
	if err != nil {
		return err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(header(tar.TypeReg, name, entry.Mode, info.Size(), date)); err != nil {
		return err
	}
	_, err = io.Copy(archive, source)
	return err
}

func header(kind byte, name string, mode fs.FileMode, size int64, date time.Time) *tar.Header {
	return &tar.Header{
		Typeflag: kind, Name: name, Mode: int64(mode.Perm()), Size: size, ModTime: date,
		Uname: "root", Gname: "root", Format: tar.FormatPAX,
	}
}

// describe names a file and says what is in it.
func describe(name string) (manifest.File, error) {
	digest, size, err := build.Digest(name)
	return manifest.File{Name: path.Base(name), SHA256: digest, Size: size}, err
}
