package programtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Needs skips a test that runs programs of which one is not there, and names the Debian
// packages that have them.
//
// go tool mage test counts skips that give the same reason together, whatever the reason has
// in brackets at its end.
func Needs(t testing.TB, packages string, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is missing: install Debian's package %s", program, packages)
		}
	}
}

// NeedsC skips a test that compiles C.
func NeedsC(t testing.TB) {
	t.Helper()
	Needs(t, "gcc", "gcc")
	if err := exec.CommandContext(t.Context(), "gcc", "-fsyntax-only", "-include", "stdlib.h", "-x", "c", "/dev/null").Run(); err != nil {
		t.Skip("the headers of a C library are missing: install Debian's package libc6-dev")
	}
}

// NeedsRoot skips a test that only root can run.
func NeedsRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("this user is not root: run it as root")
	}
}

// Module returns the folder of a module, such as "k8s.io/api@v0.31.0", in the module cache,
// or skips the test.
func Module(t testing.TB, module string) string {
	t.Helper()
	folder := filepath.Join(ModuleCache(t), filepath.FromSlash(module))
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("the module cache lacks modules of Kubernetes: download them as .ci/run does (go mod download %s)", module)
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
