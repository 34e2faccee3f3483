package neighbour

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
	"github.com/steadylet/steadylet/magefiles/internal/modproxytest"
)

// The sources are laid out again for every build: what somebody did to them in between is
// not in the program.
func TestSourcesAreLaidOutAgain(t *testing.T) {
	servers := modproxytest.Serve(t, filepath.Join("testdata", "modules"))
	dir := t.TempDir()
	recipe := Recipe{
		Name: "program", Module: "example.org/program", Package: "./cmd/program", Program: "program",
		LinkerFlags: []string{"-X=main.version=VERSION"},
	}
	options := Options{Version: "v1.2.3", Arch: runtime.GOARCH, Tree: filepath.Join(dir, "tree"), Out: filepath.Join(dir, "out")}
	g := gocommand.Go{Toolchain: runtime.Version(), Environment: servers.Environment()}
	for range 2 {
		built, err := recipe.Build(t.Context(), g, options)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(built).CombinedOutput(); err != nil || string(out) != "program 1.2.3\n" {
			t.Errorf("%v: it says %q", err, out)
		}
		main := filepath.Join(options.Tree, "cmd", "program", "main.go")
		if err := os.Remove(main); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(main, []byte("package main\n\nfunc main() { println(\"edited\") }\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
