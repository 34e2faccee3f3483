package kubeletbin_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/kubeletbin"
)

func read(t *testing.T, name string) *kubeletbin.Manifest {
	t.Helper()
	manifest, err := kubeletbin.ReadManifest(filepath.Join("testdata", name))
	if err != nil || manifest == nil {
		t.Fatalf("got %v, %v", manifest, err)
	}
	return manifest
}

func TestReadManifest(t *testing.T) {
	patched, stock := read(t, "patched.json"), read(t, "stock.json")
	if patched.Base.Tag != "v1.31.0" || len(patched.Series.Patches) != 5 || patched.Series.Patches[0].Digest == "" || patched.Build.Toolchain != "go1.22.5" {
		t.Errorf("got %+v", patched)
	}
	if stock.Base.Tag != "v1.30.14" || len(stock.Series.Patches) != 0 {
		t.Errorf("got %+v", stock)
	}
	if manifest, err := kubeletbin.ReadManifest("testdata/none.json"); manifest != nil || err != nil {
		t.Errorf("where there is none: got %v, %v", manifest, err)
	}
	for name, text := range map[string]string{
		"not JSON": "x", "empty": "", "half": `{"schemaVersion": 1,`, "another schema": `{"schemaVersion": 2}`, "no digest": `{"schemaVersion": 1}`,
	} {
		if _, err := kubeletbin.ParseManifest([]byte(text)); !errors.Is(err, kubeletbin.ErrManifest) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestCompare(t *testing.T) {
	manifest := read(t, "patched.json")
	good := kubeletbin.Binary{
		SHA256: manifest.Binary.SHA256, Package: "k8s.io/kubernetes/cmd/kubelet", Toolchain: "go1.22.5",
		OS: "linux", Arch: manifest.Build.Arch, Says: manifest.Version,
	}
	for name, test := range map[string]struct {
		change     func(*kubeletbin.Binary)
		noManifest bool
		want       []string
	}{
		"the one":     {func(*kubeletbin.Binary) {}, false, []string{}},
		"no manifest": {func(*kubeletbin.Binary) {}, true, []string{}},
		"changed": {
			func(b *kubeletbin.Binary) { b.SHA256, b.Says = "other", "" }, false,
			[]string{"the SHA-256 is other, want " + manifest.Binary.SHA256},
		},
		"another program": {
			func(b *kubeletbin.Binary) { b.Package = "k8s.io/kubernetes/cmd/kube-apiserver" }, true,
			[]string{"the main package is k8s.io/kubernetes/cmd/kube-apiserver, want k8s.io/kubernetes/cmd/kubelet"},
		},
		"another program of an old Go": {
			func(b *kubeletbin.Binary) {
				b.Package, b.OS, b.Arch, b.Says, b.NotAsked = "", "", "", "", "it is another program"
			}, false,
			[]string{"its version is not known: it is another program"},
		},
		"another toolchain": {func(b *kubeletbin.Binary) { b.Toolchain = "go1.1" }, false, []string{"the toolchain is go1.1, want go1.22.5"}},
		"says another version": {
			func(b *kubeletbin.Binary) { b.Says = "v1.31.0" }, false,
			[]string{"the version is v1.31.0, want " + manifest.Version},
		},
		"for another host": {
			func(b *kubeletbin.Binary) { b.Arch, b.Says = "s390x", "" }, false,
			[]string{"the architecture is s390x, want " + manifest.Build.Arch},
		},
		"no answer, no manifest": {func(b *kubeletbin.Binary) { b.Says, b.NotAsked = "", "it crashed" }, true, []string{"its version is not known: it crashed"}},
	} {
		t.Run(name, func(t *testing.T) {
			binary, compared := good, manifest
			test.change(&binary)
			if test.noManifest {
				compared = nil
			}
			if diff := cmp.Diff(test.want, kubeletbin.Compare(binary, compared)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What is no kubelet is never run.
func TestDescribeRunsNothingElse(t *testing.T) {
	dir := t.TempDir()
	ran, script := filepath.Join(dir, "ran"), filepath.Join(dir, "kubelet")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ntouch "+ran+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := kubeletbin.Describe(t.Context(), script, kubeletbin.ManifestPath(script)); !errors.Is(err, kubeletbin.ErrNoKubelet) {
		t.Errorf("a script: got %v", err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("the script was run")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	report, err := kubeletbin.Describe(t.Context(), self, kubeletbin.ManifestPath(self))
	if err != nil {
		t.Fatal(err)
	}
	if report.Binary.NotAsked != "it is another program" || report.Binary.Toolchain != runtime.Version() || len(report.Differences) == 0 {
		t.Errorf("a program in Go: got %+v", report)
	}
	for path, says := range map[string]string{dir: "not a regular file", filepath.Join(dir, "none"): "no such file"} {
		if _, err := kubeletbin.Describe(t.Context(), path, ""); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"schemaVersion": 1, "binary": {"sha256": ""}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if manifest, err := kubeletbin.ParseManifest(data); (manifest == nil) != (err != nil) {
			t.Errorf("got %v, %v", manifest, err)
		}
	})
}
