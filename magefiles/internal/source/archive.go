package source

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/progress"
)

// maxArchiveFile and maxArchiveTotal bound what an archive may unpack to, in
// bytes. A Kubernetes tree has 300 MB, and no file over 10 MB.
const (
	maxArchiveFile  = 256 << 20
	maxArchiveTotal = 4 << 30
)

// fetchArchive checks a source tarball's digest and unpacks it into dir, without
// the one folder that everything in it lies under.
func (f Fetcher) fetchArchive(ctx context.Context, request Request, dir string) (Origin, error) {
	file, err := os.Open(request.Location)
	if err != nil {
		return Origin{}, fmt.Errorf("reading the source tarball: %w", err)
	}
	defer file.Close()
	digest, proof, err := checkDigest(file, request)
	if err != nil {
		return Origin{}, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return Origin{}, fmt.Errorf("reading the source tarball: %w", err)
	}
	commit, err := f.unpack(ctx, file, dir)
	if err != nil {
		return Origin{}, fmt.Errorf("unpacking %s: %w", request.Location, err)
	}
	if err := restoreExportSubst(dir, commit, request.Version); err != nil {
		return Origin{}, err
	}
	origin := Origin{Kind: Archive, Location: request.Location, Commit: commit, SHA256: digest}
	origin.prove(proof)
	return origin, nil
}

// checkDigest compares an archive's SHA-256 with the one the person gave, or
// with those of the lock.
func checkDigest(file *os.File, request Request) (digest, proof string, err error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", "", fmt.Errorf("reading the source tarball: %w", err)
	}
	digest = hex.EncodeToString(hash.Sum(nil))
	if request.SHA256 != "" {
		if !strings.EqualFold(request.SHA256, digest) {
			return "", "", &MismatchError{What: "the SHA-256 of " + request.Location, Want: request.SHA256, Got: digest}
		}
		return digest, "the archive has the SHA-256 given on the command line", nil
	}
	known := make([]string, len(request.Entry.Archives))
	for i, archive := range request.Entry.Archives {
		if archive.SHA256 == digest {
			return digest, "the archive has the SHA-256 in the lock: " + archive.Name, nil
		}
		known[i] = archive.SHA256
	}
	want := strings.Join(known, " or ")
	if want == "" {
		want = "(the lock knows no archive of " + request.Version.String() + ")"
	}
	return "", "", &MismatchError{
		What: "the SHA-256 of " + request.Location, Want: want, Got: digest,
		Remedy: "If you trust this file, pass -sha256=" + digest,
	}
}

// unpack extracts a gzipped tar into dir and returns the commit ID that git
// archive wrote into it, or nothing.
func (f Fetcher) unpack(ctx context.Context, file *os.File, dir string) (commit string, err error) {
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	step := f.Progress.Step("unpack", progress.Bytes)
	defer step.Abort()
	compressed, err := gzip.NewReader(&countingReader{reader: file, report: func(n int64) { step.Set(n, info.Size()) }})
	if err != nil {
		return "", fmt.Errorf("it is not a .tar.gz: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	commit, err = extract(ctx, tar.NewReader(compressed), root)
	if err != nil {
		return "", err
	}
	step.Done("")
	return commit, nil
}

// extract writes the entries of an archive below root. os.Root refuses whatever
// would leave it, links included.
func extract(ctx context.Context, archive *tar.Reader, root *os.Root) (commit string, err error) {
	var total int64
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			if total == 0 {
				return "", errors.New("it is empty")
			}
			return commit, nil
		}
		if err != nil {
			return "", err
		}
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			commit = header.PAXRecords["comment"]
			continue
		}
		if total += header.Size; header.Size > maxArchiveFile || total > maxArchiveTotal {
			return "", fmt.Errorf("%w: %s is too large", ErrUnsafe, header.Name)
		}
		if err := extractEntry(archive, header, root); err != nil {
			return "", fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

func extractEntry(archive io.Reader, header *tar.Header, root *os.Root) error {
	_, name, nested := strings.Cut(path.Clean(header.Name), "/")
	if !nested {
		return nil // the folder that holds everything
	}
	if !filepath.IsLocal(header.Name) || !filepath.IsLocal(name) || name == ".git" || strings.HasPrefix(name, ".git/") {
		return ErrUnsafe
	}
	if header.Typeflag == tar.TypeDir {
		return root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeReg:
		mode := fs.FileMode(0o644)
		if header.Mode&0o100 != 0 {
			mode = 0o755
		}
		return writeFile(root, name, mode, archive)
	case tar.TypeSymlink:
		if path.IsAbs(header.Linkname) || !filepath.IsLocal(path.Join(path.Dir(name), header.Linkname)) {
			return fmt.Errorf("%w: it links to %s", ErrUnsafe, header.Linkname)
		}
		return root.Symlink(header.Linkname, name)
	default:
		return fmt.Errorf("%w: it is of type %q", ErrUnsafe, header.Typeflag)
	}
}

func writeFile(root *os.Root, name string, mode fs.FileMode, content io.Reader) error {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}

// countingReader reports how many bytes were read so far.
type countingReader struct {
	reader io.Reader
	report func(int64)
	read   int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.reader.Read(p)
	c.read += int64(n)
	c.report(c.read)
	return n, err
}
