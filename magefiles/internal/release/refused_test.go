package release_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/manifest"
	"github.com/steadylet/steadylet/magefiles/internal/release"
)

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
		"a script that another reads is missing": {func(t *testing.T, config *release.Config) {
			if err := os.Remove(filepath.Join(config.Root, "scripts/kubelet-service.bash")); err != nil {
				t.Fatal(err)
			}
		}, false, "kubelet-swap.bash reads kubelet-service.bash"},
		"no scripts": {func(t *testing.T, config *release.Config) {
			if err := os.RemoveAll(filepath.Join(config.Root, "scripts")); err != nil {
				t.Fatal(err)
			}
		}, false, "scripts"},
		"no programs among the scripts": {func(t *testing.T, config *release.Config) {
			folder := filepath.Join(config.Root, "scripts")
			if err := errors.Join(os.RemoveAll(folder), os.Mkdir(folder, 0o755)); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(folder, "common.bash"), "true", 0o644)
		}, false, "has no program"},
		"a folder of scripts that is a link": {func(t *testing.T, config *release.Config) {
			if err := os.Symlink("/etc", filepath.Join(config.Root, "scripts/lib")); err != nil {
				t.Fatal(err)
			}
		}, false, "not a regular file"},
		"a script of the kubelet's name": {func(t *testing.T, config *release.Config) {
			write(t, filepath.Join(config.Root, "scripts/kubelet"), "#!/bin/sh\n", 0o755)
		}, false, "two files kubelet"},
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
