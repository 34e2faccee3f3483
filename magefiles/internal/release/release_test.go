package release_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/kubeletbin"
	"github.com/steadylet/steadylet/magefiles/internal/release"
)

func mustMake(t *testing.T, config release.Config) *release.Release {
	t.Helper()
	made, err := release.Make(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// readArchive returns the files of a tar.gz, and holds its headers against what must be
// the same everywhere.
func readArchive(t *testing.T, path string) map[string]string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for archive := tar.NewReader(unpacked); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if !header.ModTime.Equal(date) || header.Uid != 0 || header.Gid != 0 || header.Uname != "root" || header.Gname != "root" {
			t.Errorf("%s: %+v", header.Name, header)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		found[header.Name] = header.FileInfo().Mode().String()
		if header.Typeflag == tar.TypeReg && strings.HasSuffix(header.Name, "LICENSE") {
			found[header.Name] += " " + string(data)
		}
	}
}

func TestArchiveHolds(t *testing.T) {
	_, made := sharedRelease(t, "v1.36.3")
	top := "kubelet-v1.36.3+steadylet.d4b41a95-linux-" + runtime.GOARCH + "/"
	want := map[string]string{
		top: "drwxr-xr-x", top + "kubelet": "-rwxr-xr-x", top + "steadylet": "-rwxr-xr-x",
		top + "kubelet.manifest.json": "-rw-r--r--", top + "kubelet.cdx.json": "-rw-r--r--",
		top + "LICENSE": "-rw-r--r-- Licence text.\n", top + "NOTICE": "-rw-r--r--", top + "RELEASE.md": "-rw-r--r--",
		top + "upgrade-kubelet": "-rwxr-xr-x", top + "rollback-kubelet": "-rwxr-xr-x", top + "generate-state.sh": "-rwxr-xr-x",
		top + "common.bash": "-rw-r--r--", top + "kubelet-swap.bash": "-rw-r--r--", top + "kubelet-service.bash": "-rw-r--r--",
		top + "systemd/": "drwxr-xr-x", top + "systemd/kubelet.service": "-rw-r--r--", top + "systemd/environment": "-rw-r--r--",
		top + "systemd/kubelet.service.d/": "drwxr-xr-x", top + "systemd/kubelet.service.d/20-steadylet.conf": "-rw-r--r--",
	}
	if diff := cmp.Diff(want, readArchive(t, one(t, made, "-"+runtime.GOARCH+".tar.gz"))); diff != "" {
		t.Error(diff)
	}
	symbols := readArchive(t, one(t, made, ".debug.tar.gz"))
	if _, found := symbols["usr/lib/debug/.build-id/a5/45fc9c1bf92bcc11990d406e20f2e3582c9918.debug"]; !found {
		t.Errorf("the symbols are at %v", slices.Collect(maps.Keys(symbols)))
	}
}

// What is unpacked is what its manifest says, for the node command too.
func TestUnpackedKubeletIsItsManifests(t *testing.T) {
	_, made := sharedRelease(t, "v1.36.3")
	dir := t.TempDir()
	must(t, "tar", "-C", dir, "--strip-components=1", "-xzf", one(t, made, "-"+runtime.GOARCH+".tar.gz"))
	path := filepath.Join(dir, "kubelet")
	report, err := kubeletbin.Describe(t.Context(), path, kubeletbin.ManifestPath(path))
	if err != nil || len(report.Differences) != 0 || report.Binary.Says != "v1.36.3+steadylet.d4b41a95" {
		t.Errorf("%v: %+v", err, report)
	}
}

// Two releases, made in different folders at different times with a different number of
// processors, are equal to the byte.
func TestReproducible(t *testing.T) {
	key := newKey(t, "ed25519", "")
	var releases []map[string]string
	for i := range 2 {
		config := fixture(t, "v1.36.3", "amd64", "arm64")
		config.Signer = load(t, key)
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(i + 1))
		made := mustMake(t, config)
		found := snapshot(t, made.Dir)
		if len(found) != 1+2*5+4 || len(made.Files) != len(found)-1 {
			t.Errorf("the release has %d files: %v", len(found)-1, slices.Sorted(maps.Keys(found)))
		}
		releases = append(releases, found)
		nothingOfTheHost(t, made.Dir, config.Root)
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // archives count seconds
	}
	if diff := cmp.Diff(releases[0], releases[1]); diff != "" {
		t.Error(diff)
	}
}

// nothingOfTheHost looks for this build's folder, host and day in what is readable.
func nothingOfTheHost(t *testing.T, dir, root string) {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"RELEASE.md", "provenance.intoto.json", "kubelet-v1.36.3+steadylet.d4b41a95-linux-amd64.cdx.json"} {
		text := read(t, filepath.Join(dir, name))
		for _, banned := range []string{root, host, time.Now().UTC().Format("2006-01-02")} {
			if strings.Contains(text, banned) {
				t.Errorf("%s has %q in it", name, banned)
			}
		}
	}
}

// Without a key there is no signature, and somebody is told.
func TestSumsAndSignature(t *testing.T) {
	config := fixture(t, "v1.36.3")
	made := mustMake(t, config)
	if out := must(t, "sh", "-c", "cd \"$1\" && sha256sum --strict --check SHA256SUMS", "sh", made.Dir); strings.Count(out, ": OK") != len(made.Files)-1 {
		t.Errorf("sha256sum says:\n%s", out)
	}
	if len(made.Warnings) != 1 || !strings.Contains(made.Warnings[0], "nothing is signed") {
		t.Errorf("got warnings %q", made.Warnings)
	}
	key := newKey(t, "ed25519", "")
	config.Signer = load(t, key)
	config.Repository = release.Repository{Dirty: true}
	freshWork(t, config)
	made = mustMake(t, config) // in place of the first
	sums := filepath.Join(made.Dir, "SHA256SUMS")
	if err := verify(t, key, sums+".sig", read(t, sums)); err != nil {
		t.Error(err)
	}
	if len(made.Warnings) != 2 || !strings.Contains(made.Warnings[0], "which commit") || !strings.Contains(made.Warnings[1], "changes that no commit has") {
		t.Errorf("got warnings %q", made.Warnings)
	}
}

func TestCheckWritable(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "", 0o644)
	before := snapshot(t, dir)
	if err := release.CheckWritable(filepath.Join(dir, "dist", "v1.36.3", "release")); err != nil {
		t.Error(err)
	}
	if err := release.CheckWritable(filepath.Join(dir, "file", "v1.36.3", "release")); err == nil || !strings.Contains(err.Error(), "can't be written") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Errorf("the check left something:\n%s", diff)
	}
}
