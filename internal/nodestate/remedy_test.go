package nodestate_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/internal/nodestate"
	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/statefile"
)

// The remedy for a state folder that is not followed is not that of a broken disk.
func TestRemedyOfTheFolder(t *testing.T) {
	for name, test := range map[string]struct {
		make func(folder string) error
		says string
	}{
		"a link": {func(folder string) error { return os.Symlink(t.TempDir(), folder) }, "a link is not followed"},
		"a file": {func(folder string) error { return os.WriteFile(folder, nil, 0o600) }, "make a folder"},
		"another user's": {func(folder string) error {
			programtest.NeedsRoot(t)
			return errors.Join(os.Mkdir(folder, 0o700), os.Chown(folder, 12345, -1))
		}, "give it to the kubelet's user"},
	} {
		path := statefile.Path(t.TempDir())
		if err := test.make(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
		if err := nodestate.Inspect(path).Check(); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
