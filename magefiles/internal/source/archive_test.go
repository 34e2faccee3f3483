package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
)

var v1202 = kubever.Version{Major: 1, Minor: 20, Patch: 2}

const commitID = "faecb196815e248d3ecfb03c680a4507229c2a56"

// archiveEntry is one entry of a test tarball.
type archiveEntry struct {
	name, content, link string
	kind                byte
	mode                int64
}

func writeArchive(t *testing.T, entries ...archiveEntry) (path, digest string) {
	t.Helper()
	var data bytes.Buffer
	compressed := gzip.NewWriter(&data)
	archive := tar.NewWriter(compressed)
	for _, entry := range entries {
		header := &tar.Header{Name: entry.name, Typeflag: entry.kind, Linkname: entry.link, Mode: entry.mode, Size: int64(len(entry.content))}
		if entry.kind == tar.TypeXGlobalHeader {
			header = &tar.Header{Typeflag: entry.kind, PAXRecords: map[string]string{"comment": entry.content}}
			entry.content = ""
		}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(entry.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "orig.tar.gz")
	if err := os.WriteFile(path, data.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data.Bytes())
	return path, hex.EncodeToString(sum[:])
}

func fetcher() Fetcher {
	return Fetcher{Environment: os.Environ(), Progress: progress.New(io.Discard, false)}
}

func TestFetchArchive(t *testing.T) {
	path, digest := writeArchive(t,
		archiveEntry{kind: tar.TypeXGlobalHeader, content: commitID},
		archiveEntry{name: "kubernetes-1.20.2/", kind: tar.TypeDir, mode: 0o775},
		archiveEntry{name: "kubernetes-1.20.2/hack/lib/.gitattributes", kind: tar.TypeReg, mode: 0o664, content: "version.sh export-subst\n"},
		archiveEntry{name: "kubernetes-1.20.2/hack/lib/version.sh", kind: tar.TypeReg, mode: 0o775, content: "if [[ '%' == \"%\" ]]; then c='" + commitID + "' t='tag: v1.20.2'\n"},
		archiveEntry{name: "kubernetes-1.20.2/BUILD", kind: tar.TypeSymlink, link: "hack/lib/version.sh"},
	)
	dir := t.TempDir()
	request := Request{Version: v1202, Kind: Archive, Location: path, Entry: lock.Entry{
		Archives: []lock.Archive{{Name: "a test tarball", SHA256: digest}},
	}}
	origin, err := fetcher().fetchArchive(t.Context(), request, dir)
	if err != nil {
		t.Fatal(err)
	}
	want := Origin{
		Kind: Archive, Location: path, Commit: commitID, SHA256: digest, Verified: true,
		Proofs: []string{"the archive has the SHA-256 in the lock: a test tarball"},
	}
	if diff := cmp.Diff(want, origin); diff != "" {
		t.Errorf("origin (-want +got):\n%s", diff)
	}
	restored, err := os.ReadFile(filepath.Join(dir, "BUILD"))
	if got, want := string(restored), "if [[ '$Format:%%$' == \"%\" ]]; then c='$Format:%H$' t='$Format:%D$'\n"; err != nil || got != want {
		t.Errorf("the version file holds %q, %v; want %q", got, err, want)
	}
	if info, err := os.Stat(filepath.Join(dir, "hack/lib/version.sh")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the executable bit is lost: %v %v", info, err)
	}
}

func TestArchiveOfAnotherDigestIsNotUnpacked(t *testing.T) {
	path, digest := writeArchive(t, archiveEntry{name: "k/file", kind: tar.TypeReg, content: "x"})
	for name, request := range map[string]Request{
		"not in the lock":               {Version: v1202, Location: path},
		"not the command line's digest": {Version: v1202, Location: path, SHA256: strings.Repeat("0", 64)},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := fetcher().fetchArchive(t.Context(), request, dir)
			if !errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), digest) {
				t.Errorf("got %v, want a mismatch that names %s", err, digest)
			}
			wantEmpty(t, dir)
		})
	}
}

func TestUnsafeArchives(t *testing.T) {
	for name, entry := range map[string]archiveEntry{
		"parent folder":     {name: "k/../../escaped", kind: tar.TypeReg, content: "x"},
		"absolute path":     {name: "/k/escaped", kind: tar.TypeReg, content: "x"},
		"absolute link":     {name: "k/link", kind: tar.TypeSymlink, link: "/etc/passwd"},
		"link that escapes": {name: "k/a/link", kind: tar.TypeSymlink, link: "../../escaped"},
		"hard link":         {name: "k/link", kind: tar.TypeLink, link: "k/file"},
		"device":            {name: "k/device", kind: tar.TypeChar},
		"git's own folder":  {name: "k/.git/config", kind: tar.TypeReg, content: "x"},
	} {
		t.Run(name, func(t *testing.T) {
			path, digest := writeArchive(t, archiveEntry{name: "k/file", kind: tar.TypeReg, content: "x"}, entry)
			parent := t.TempDir()
			dir := filepath.Join(parent, "tree")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			_, err := fetcher().fetchArchive(t.Context(), Request{Version: v1202, Location: path, SHA256: digest}, dir)
			if !errors.Is(err, ErrUnsafe) {
				t.Errorf("got %v, want ErrUnsafe", err)
			}
			if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
				t.Errorf("something was written beside the tree: %v %v", entries, err)
			}
		})
	}
}

// A link that an archive plants must not be written through later on.
func TestArchiveIsNotWrittenThroughItsOwnLinks(t *testing.T) {
	path, digest := writeArchive(t,
		archiveEntry{name: "k/folder", kind: tar.TypeSymlink, link: "other"},
		archiveEntry{name: "k/folder", kind: tar.TypeReg, content: "x"},
	)
	dir := t.TempDir()
	if _, err := fetcher().fetchArchive(t.Context(), Request{Version: v1202, Location: path, SHA256: digest}, dir); err == nil {
		t.Error("an entry replaced a link")
	}
	if _, err := os.Stat(filepath.Join(dir, "other")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the link was written through: %v", err)
	}
}

func TestTruncatedArchive(t *testing.T) {
	path, _ := writeArchive(t, archiveEntry{name: "k/file", kind: tar.TypeReg, content: strings.Repeat("kubelet", 1000)})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	half := data[:len(data)/2]
	if err := os.WriteFile(path, half, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(half)
	_, err = fetcher().fetchArchive(t.Context(), Request{Version: v1202, Location: path, SHA256: hex.EncodeToString(sum[:])}, t.TempDir())
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want io.ErrUnexpectedEOF", err)
	}
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind in %s: %v %v", dir, entries, err)
	}
}
