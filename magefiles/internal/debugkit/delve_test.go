package debugkit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/debugkit"
	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
)

func TestDelveVersion(t *testing.T) {
	version, err := debugkit.DelveVersion("../../..")
	if err != nil || !strings.HasPrefix(version, "v1.") {
		t.Errorf("got %q, %v", version, err)
	}
	dir := t.TempDir()
	if _, err := debugkit.DelveVersion(dir); err == nil {
		t.Error("a folder without go.mod has a Delve")
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module m\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := debugkit.DelveVersion(dir); err == nil || !strings.Contains(err.Error(), "does not require") {
		t.Errorf("got %v", err)
	}
}

func TestUnknownArchitecture(t *testing.T) {
	out := filepath.Join(t.TempDir(), "delve", "dlv")
	err := debugkit.BuildDelve(t.Context(), gocommand.Go{}, "../../..", "riscv64", out)
	if err == nil || !strings.Contains(err.Error(), "want amd64 or arm64") {
		t.Errorf("got %v", err)
	}
}
