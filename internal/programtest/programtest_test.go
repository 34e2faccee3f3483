package programtest_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/steadylet/steadylet/internal/programtest"
)

func TestScriptedPrograms(t *testing.T) {
	for name, write := range map[string]func(path, script string) error{
		"kubelet": programtest.WriteKubelet, "other": programtest.WriteOther,
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := write(path, "echo \"$0 $2\"\nexit 3\n"); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), path, "a", "b c").Output()
		if err == nil || err.Error() != "exit status 3" || string(out) != path+" b c\n" {
			t.Errorf("%s: got %q, %v", name, out, err)
		}
	}
}
