package pipeline_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/hookcheck"
	"github.com/steadylet/steadylet/magefiles/internal/manifest"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
)

// A tree that was patched before is held against an assertion that came later.
func TestNewAssertionIsChecked(t *testing.T) {
	root, kubernetes := repository(t)
	mustRun(t, root, kubernetes, pipeline.DefaultSeries, debug)
	index := filepath.Join(root, "patches", pipeline.DefaultSeries, "series.yaml")
	data, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	const added = "  - file: pkg/kubelet/kuberuntime/kuberuntime_manager.go\n    function: Describe\n    call: steadylet.Keep\n"
	writeFile(t, index, append(data, added...))
	if _, err := run(t.Context(), config(root), kubernetes, pipeline.DefaultSeries, debug); !errors.Is(err, hookcheck.ErrHookMissing) {
		t.Errorf("got %v, want ErrHookMissing", err)
	}
}

// The manifest says what was not proven, also of a binary that was there before.
func TestManifestSaysWhatWasNotProven(t *testing.T) {
	root, kubernetes := repository(t)
	index := filepath.Join(root, "patches", pipeline.DefaultSeries, "series.yaml")
	data, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	cross := debug
	cross.Arch = map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	tests := []struct {
		name, versions    string
		options           build.Options
		untested, checked bool
	}{
		{"outside every range", ">=1.35.0 <1.36.0", debug, true, true},
		{"inside, with the flag all the same", ">=1.36.0 <1.37.0", debug, false, true},
		{"for another architecture", ">=1.36.0 <1.37.0", cross, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			writeFile(t, index, bytes.Replace(data, []byte(">=1.36.0 <1.37.0"), []byte(test.versions), 1))
			described := untestedBuild(t, root, kubernetes, test.options)
			if described.Series.Untested != test.untested || described.Build.StampChecked != test.checked {
				t.Errorf("untested %t, stamp checked %t, want %t and %t",
					described.Series.Untested, described.Build.StampChecked, test.untested, test.checked)
			}
			if flags := strings.Join(described.Build.Arguments, " "); !strings.Contains(flags, "version.gitTreeState=dirty") {
				t.Errorf("a tree that nothing vouches for is not called dirty: %s", flags)
			}
		})
	}
}

// untestedBuild builds with -untested and reads the manifest.
func untestedBuild(t *testing.T, root, kubernetes string, options build.Options) manifest.Manifest {
	t.Helper()
	p, err := pipeline.Open(config(root))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	patched := patch(t, p, kubernetes, pipeline.PatchOptions{Series: pipeline.DefaultSeries, Untested: true})
	built, err := p.Build(t.Context(), patched, options)
	if err != nil {
		t.Fatal(err)
	}
	described, err := manifest.Read(built.ManifestPath)
	if err != nil {
		t.Fatal(err)
	}
	return described
}

// A release that no debugger would find the DWARF of has no manifest.
func TestManifestGoesLast(t *testing.T) {
	root, kubernetes := repository(t)
	release := debug
	release.Mode = build.Release
	dir := filepath.Join(root, "dist", "v1.36.3", "linux-"+release.Arch, "release")
	writeFile(t, filepath.Join(dir, ".build-id"), []byte("in the way of the folder"))
	if _, err := run(t.Context(), config(root), kubernetes, pipeline.DefaultSeries, release); err == nil {
		t.Error("the link could not be made, and the build succeeded")
	}
	if _, err := os.Stat(filepath.Join(dir, "kubelet.manifest.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a manifest without the link: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, ".build-id")); err != nil {
		t.Fatal(err)
	}
	mustRun(t, root, kubernetes, pipeline.DefaultSeries, release)
}
