package release_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/kubeletbin"
	"github.com/steadylet/steadylet/magefiles/internal/manifest"
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
	made := mustMake(t, fixture(t, "v1.36.3"))
	top := "kubelet-v1.36.3+steadylet.d4b41a95-linux-" + runtime.GOARCH + "/"
	want := map[string]string{
		top: "drwxr-xr-x", top + "kubelet": "-rwxr-xr-x", top + "steadylet": "-rwxr-xr-x",
		top + "kubelet.manifest.json": "-rw-r--r--", top + "kubelet.cdx.json": "-rw-r--r--",
		top + "LICENSE": "-rw-r--r-- Licence text.\n", top + "NOTICE": "-rw-r--r--", top + "RELEASE.md": "-rw-r--r--",
		top + "scripts/": "drwxr-xr-x", top + "scripts/upgrade-kubelet": "-rwxr-xr-x",
		top + "scripts/rollback-kubelet": "-rwxr-xr-x", top + "scripts/generate-state.sh": "-rwxr-xr-x",
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
	made := mustMake(t, fixture(t, "v1.36.3"))
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

// What is refused leaves an earlier release as it is, and nothing unfinished.
func TestRefused(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, config *release.Config)
		unfit bool
		says  string
	}{
		"another binary than the manifest's": {func(t *testing.T, config *release.Config) {
			write(t, config.Kubelets[0].Path, read(t, config.Kubelets[0].Path)+"x", 0o755)
		}, true, "its manifest says"},
		"other symbols than the manifest's": {func(t *testing.T, config *release.Config) {
			write(t, config.Kubelets[0].Path+".debug", "x", 0o644)
		}, true, "its manifest says"},
		"unverified": {func(t *testing.T, config *release.Config) {
			change(t, config.Kubelets[0].Path+".manifest.json", `"verified": true`, `"verified": false`)
		}, true, "nothing vouches for its source"},
		"no manifest": {func(t *testing.T, config *release.Config) {
			if err := os.Remove(config.Kubelets[0].Path + ".manifest.json"); err != nil {
				t.Fatal(err)
			}
		}, false, "manifest"},
		"a patch that changed": {func(t *testing.T, config *release.Config) {
			write(t, filepath.Join(config.Root, "patches/restart-suppression/0001-keep.patch"), "other", 0o644)
		}, false, "not the patch that the kubelet was built with"},
		"a script that is missing": {func(t *testing.T, config *release.Config) {
			if err := os.Remove(filepath.Join(config.Root, "scripts/rollback-kubelet")); err != nil {
				t.Fatal(err)
			}
		}, false, "scripts/rollback-kubelet"},
		"a script that is a link": {func(t *testing.T, config *release.Config) {
			path := filepath.Join(config.Root, "scripts/rollback-kubelet")
			if err := errors.Join(os.Remove(path), os.Symlink("/etc/shadow", path)); err != nil {
				t.Fatal(err)
			}
		}, false, "not a regular file"},
		"a front page without the table": {func(t *testing.T, config *release.Config) {
			write(t, filepath.Join(config.Root, "README.md"), "", 0o644)
		}, false, "compatibility table"},
		"a node command that is none": {func(t *testing.T, config *release.Config) {
			config.Kubelets[0].NodeCommand = "/bin/sh"
		}, false, "node command"},
		"revision":    {func(_ *testing.T, config *release.Config) { config.Revision = 0 }, false, "-revision"},
		"no kubelets": {func(_ *testing.T, config *release.Config) { config.Kubelets = nil }, false, "at least one"},
	} {
		t.Run(name, func(t *testing.T) {
			config := fixture(t, "v1.36.3")
			write(t, filepath.Join(config.Target, "SHA256SUMS"), "of an earlier release", 0o644)
			before := snapshot(t, config.Target)
			test.spoil(t, &config)
			_, err := release.Make(t.Context(), config)
			if err == nil || !strings.Contains(err.Error(), test.says) || errors.Is(err, release.ErrUnfit) != test.unfit {
				t.Errorf("got %v, want it to say %q", err, test.says)
			}
			if diff := cmp.Diff(before, snapshot(t, config.Target)); diff != "" {
				t.Errorf("the earlier release changed:\n%s", diff)
			}
			if entries, err := os.ReadDir(filepath.Dir(config.Target)); err != nil || len(entries) != 2 {
				t.Errorf("beside the release lies %v, %v", entries, err)
			}
		})
	}
}

func TestTwoTreesAreNoRelease(t *testing.T) {
	config := fixture(t, "v1.36.3", "amd64", "arm64")
	change(t, config.Kubelets[1].Path+".manifest.json", strings.Repeat("cd", 20), strings.Repeat("00", 20))
	if _, err := release.Make(t.Context(), config); err == nil || !strings.Contains(err.Error(), "another tree") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(config.Target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a release: %v", err)
	}
}

func TestUnfit(t *testing.T) {
	good, err := manifest.Read(fixture(t, "v1.36.3").Kubelets[0].Path + ".manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*manifest.Manifest)
		says   []string
	}{
		"good":      {func(*manifest.Manifest) {}, nil},
		"kubeadm":   {func(m *manifest.Manifest) { m.Component = "kubeadm" }, []string{"it is kubeadm"}},
		"debug":     {func(m *manifest.Manifest) { m.Build.Mode = "debug" }, []string{"-mode=release"}},
		"stock":     {func(m *manifest.Manifest) { m.Series = manifest.Series{} }, []string{"stock build"}},
		"untested":  {func(m *manifest.Manifest) { m.Series.Untested = true }, []string{"not made for v1.36.3"}},
		"symbols":   {func(m *manifest.Manifest) { m.Debug = nil }, []string{"debug symbols"}},
		"with cgo":  {func(m *manifest.Manifest) { m.Build.CGO = true }, []string{"C code"}},
		"all wrong": {func(m *manifest.Manifest) { *m = manifest.Manifest{} }, []string{"it is ,", "-mode=release", "stock", "vouches", "symbols"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := good
			test.change(&m)
			got := release.Unfit(m)
			if len(got) != len(test.says) {
				t.Fatalf("got %q, want %q", got, test.says)
			}
			for i, says := range test.says {
				if !strings.Contains(got[i], says) {
					t.Errorf("got %q, want it to say %q", got[i], says)
				}
			}
		})
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

func TestInterrupted(t *testing.T) {
	config := fixture(t, "v1.36.3")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := release.Make(ctx, config); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if _, err := os.Stat(config.Target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a release: %v", err)
	}
}

// TestMain lets the test binary be the run that is killed.
func TestMain(m *testing.M) {
	root := os.Getenv("STEADYLET_TEST_RELEASE")
	if root == "" {
		os.Exit(m.Run())
	}
	if _, err := release.Make(context.Background(), killable(root)); err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
}

// Killed at whatever point, a run leaves the whole release or none.
func TestKilledAtAnyPoint(t *testing.T) {
	config := fixture(t, "v1.36.3")
	root := filepath.Dir(config.Root)
	whole := func() bool {
		_, err := os.Stat(config.Target)
		if errors.Is(err, fs.ErrNotExist) {
			return false
		}
		must(t, "sh", "-c", "cd \"$1\" && sha256sum --quiet --strict --check SHA256SUMS && [ $(ls | wc -l) = 8 ]", "sh", config.Target)
		return true
	}
	for delay := 5 * time.Millisecond; delay < 2*time.Second; delay += delay / 2 {
		freshWork(t, config)
		process := exec.Command(os.Args[0])
		process.Env = append(os.Environ(), "STEADYLET_TEST_RELEASE="+root)
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(delay)
		_ = process.Process.Kill()
		_ = process.Wait()
		whole()
	}
	freshWork(t, config)
	mustMake(t, killable(root))
	if !whole() {
		t.Error("the last run, which nobody killed, left no release")
	}
}
