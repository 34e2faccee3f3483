package programtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Lacks skips a test for want of something, and says how to get it. go tool mage test counts
// the skips that say the same as one; what a how has in brackets at its end may differ.
func Lacks(t testing.TB, what, how string) {
	t.Helper()
	t.Skipf("needs %s: %s", what, how)
}

// Needs skips a test that runs a program which is not there, and names the Debian package
// that has it.
func Needs(t testing.TB, program, packages string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		Lacks(t, program, "install Debian's "+packages)
	}
}

// NeedsRoot skips a test that only root can run.
func NeedsRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Lacks(t, "root", "run it as root")
	}
}

// Module returns the folder of a module ("k8s.io/api@v0.31.0") in the module cache, or skips
// the test.
func Module(t testing.TB, module string) string {
	t.Helper()
	folder := filepath.Join(ModuleCache(t), filepath.FromSlash(module))
	if _, err := os.Stat(folder); err != nil {
		Lacks(t, "the modules of Kubernetes in the module cache", "download them as .ci/run does (go mod download "+module+")")
	}
	return folder
}

// ModuleCache returns the folder of the module cache.
func ModuleCache(t testing.TB) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
