package bench

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The copy of the repository that is built has every package that the targets import.
func TestCopyHasWhatTheTargetsImport(t *testing.T) {
	const module = "github.com/steadylet/steadylet/"
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags=mage", module+"magefiles").Output()
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for line := range strings.Lines(string(out)) {
		path, ours := strings.CutPrefix(strings.TrimSpace(line), module)
		if !ours {
			continue
		}
		count++
		if folder, _, _ := strings.Cut(path, "/"); !slices.Contains(copied(), folder) {
			t.Errorf("%s is not copied", path)
		}
	}
	if count < 10 {
		t.Errorf("the targets import %d packages of the module", count)
	}
}
