// Package commandline_test runs the targets as a person does, from a shell.
package commandline_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts run in a copy of the repository, so that they neither wait for the
// workspace of this one nor leave anything in it.
func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "patches")); err != nil {
		t.Fatal(err)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			// Go's caches and settings are the person's own.
			env.Setenv("HOME", home)
			// But mage names what it compiles by the targets alone, so that two copies at once
			// would write the same file.
			env.Setenv("MAGEFILE_CACHE", filepath.Join(env.WorkDir, ".magefile"))
			var err error
			for _, name := range []string{"go.mod", "go.sum"} {
				data, readErr := os.ReadFile(filepath.Join(root, name))
				err = errors.Join(err, readErr, os.WriteFile(filepath.Join(env.WorkDir, name), data, 0o644))
			}
			for _, name := range []string{"internal", "magefiles", "patches", "statefile"} {
				err = errors.Join(err, os.CopyFS(filepath.Join(env.WorkDir, name), os.DirFS(filepath.Join(root, name))))
			}
			return err
		},
	})
}
