package build

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/programtest"
)

// What lacks a C compiler says before anything is compiled what to install.
func TestCompilerThatIsNotThere(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for arch, packages := range map[string]string{
		"amd64": "gcc-x86-64-linux-gnu and libc6-dev-amd64-cross", "arm64": "gcc-aarch64-linux-gnu and libc6-dev-arm64-cross",
	} {
		t.Run(arch, func(t *testing.T) {
			if (Options{Component: edgeCore, Arch: arch}).runsHere() {
				packages = "gcc and libc6-dev"
			}
			options := Options{Component: edgeCore, Arch: arch, Mode: Debug, CGO: NeedsCGO(edgeCore)}
			early := options.CheckHost(t.Context(), nil)
			_, late := Builder{}.Build(t.Context(), Tree{Dir: treeWithEdgeCore(t)}, options, t.TempDir())
			for _, err := range []error{early, late} {
				if err == nil || !strings.Contains(err.Error(), "edgecore for "+arch) || !strings.Contains(err.Error(), "Debian's packages "+packages) {
					t.Errorf("got %v", err)
				}
			}
			if options.CGO = false; options.CheckHost(t.Context(), nil) != nil {
				t.Error("a build without cgo wants a compiler")
			}
		})
	}
}

func treeWithEdgeCore(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/"+edgeCorePackage, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A compiler without the headers of a C library can't build anything, and CC names another.
func TestCompiler(t *testing.T) {
	programtest.NeedsC(t)
	host := "amd64"
	if !(Options{Arch: host}).runsHere() {
		host = "arm64"
	}
	for name, test := range map[string]struct {
		environment []string
		fails       bool
	}{
		"the host's":      {nil, false},
		"with arguments":  {[]string{"CC=gcc -O1"}, false},
		"no C library":    {[]string{"CC=gcc -nostdinc"}, true},
		"none, says CC":   {[]string{"CC=no-such-compiler"}, true},
		"the last counts": {[]string{"CC=no-such-compiler", "CC=gcc"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := CheckCompiler(t.Context(), append(os.Environ(), test.environment...), "edgecore", host); (err != nil) != test.fails {
				t.Errorf("got %v", err)
			}
		})
	}
}

// What is built for another architecture is compiled by that one's compiler.
func TestCompilerOfAnotherArchitecture(t *testing.T) {
	got := map[string]bool{}
	for _, arch := range architectures() {
		options := Options{Component: edgeCore, Arch: arch, CGO: true}
		cross := slices.Contains(settings(options, Tree{Toolchain: "go1.26.5"}), "CC="+crossCompilers[arch].program)
		got[arch] = cross == options.runsHere()
	}
	if diff := cmp.Diff(map[string]bool{"amd64": false, "arm64": false}, got); diff != "" {
		t.Errorf("architectures with the wrong compiler (-want +got):\n%s", diff)
	}
}
