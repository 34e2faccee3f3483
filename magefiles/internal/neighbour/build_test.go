package neighbour

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
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

// A release that does not exist is told from one that can't be had now.
func TestReleaseThatIsNotToBeHad(t *testing.T) {
	servers := modproxytest.Serve(t, filepath.Join("testdata", "modules"))
	recipe := Recipe{Name: "program", Module: "example.org/program", Package: "./cmd/program", Program: "program"}
	for answer, says := range map[modproxytest.Answer]string{
		404:                 "there is no example.org/program@v1.2.3, look for its releases: ",
		503:                 "example.org/program@v1.2.3 can't be had now: ",
		modproxytest.HangUp: "example.org/program@v1.2.3 can't be had now: ",
	} {
		servers.Proxy("example.org/program", answer)
		dir := t.TempDir()
		_, err := recipe.Build(t.Context(), gocommand.Go{Toolchain: runtime.Version(), Environment: servers.Environment()},
			Options{Version: "v1.2.3", Arch: runtime.GOARCH, Tree: filepath.Join(dir, "tree"), Out: filepath.Join(dir, "out")})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%d: got %v, want %q", answer, err, says)
		}
	}
}
