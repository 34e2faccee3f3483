package testrun

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/programtest"
)

// The last lines say what was left out, for what, and how much of the whole ran.
func TestSummary(t *testing.T) {
	for name, test := range map[string]struct {
		sum  result
		want string
	}{
		"all":     {result{passed: 12, failed: 1}, "12 passed, 1 failed, 0 skipped: 100% of 13 tests ran\n"},
		"nothing": {result{}, "0 passed, 0 failed, 0 skipped: 0% of 0 tests ran\n"},
		"some": {result{passed: 95, noRace: "no compiler", skipped: []skip{
			{"p TestB", "x is missing: get it"}, {"p TestA", "no module: get it (k8s.io/api@v0.31.0)"},
			{"q TestC", "no module: get it (k8s.io/api@v0.30.0)"}, {"q TestD/e", "no reason given"}, {"q TestF", "x (old) is missing: get it"},
		}}, `skipped: p TestB: x is missing: get it
skipped: p TestA: no module: get it (k8s.io/api@v0.31.0)
skipped: q TestC: no module: get it (k8s.io/api@v0.30.0)
skipped: q TestD/e: no reason given
skipped: q TestF: x (old) is missing: get it

Left out here (.ci/run installs what is missing on Debian, and runs all of it):
  the race detector, in every test: no compiler
  2 tests: no module: get it
  1 test: no reason given
  1 test: x (old) is missing: get it
  1 test: x is missing: get it
95 passed, 0 failed, 5 skipped: 95% of 100 tests ran
`},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			test.sum.write(&out)
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// standIn lets a program of testdata be the go command, in a repository with one test of
// real kubelets.
func standIn(t *testing.T) Config {
	t.Helper()
	stand, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	gofmt, err := exec.LookPath("gofmt")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", strings.Join([]string{stand, filepath.Dir(gofmt), os.Getenv("PATH")}, ":"))
	root := t.TempDir()
	folder := filepath.Join(root, "magefiles", "internal", "e2e")
	text := "package e2e\n\nimport \"testing\"\n\nfunc TestNode(t *testing.T) {}\n\nfunc TestMain(m *testing.M) {}\n"
	if err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, "node_test.go"), []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
	return Config{Root: root, Short: true}
}

// Without a C compiler the tests run without the race detector, and the end says so; where
// nothing may be left out, that fails.
func TestRunWithoutCompiler(t *testing.T) {
	for name, strict := range map[string]bool{"a person": false, "CI": true} {
		t.Run(name, func(t *testing.T) {
			config := standIn(t)
			t.Setenv("CC", "no-such-compiler")
			var out later
			config.Out, config.NoSkips = &out, strict
			if err := Run(t.Context(), config); (err != nil) != strict {
				t.Errorf("got %v", err)
			}
			text := out.text.String()
			for _, want := range []string{
				"  the race detector, in every test: no C compiler works here: install Debian's packages gcc and libc6-dev\n",
				"skipped: " + endToEnd + " TestNode: -short leaves out", "\n2 passed, 0 failed, 1 skipped: 66% of 3 tests ran\n",
			} {
				if !strings.Contains(text, want) {
					t.Errorf("it lacks %q:\n%s", want, text)
				}
			}
			if strings.Contains(text, " -race ") {
				t.Errorf("the race detector is asked for:\n%s", text)
			}
		})
	}
}

func TestRunWithCompiler(t *testing.T) {
	programtest.NeedsC(t)
	config := standIn(t)
	var out later
	config.Out, config.NoSkips = &out, true
	if err := Run(t.Context(), config); err != nil {
		t.Error(err)
	}
	if text := out.text.String(); !strings.Contains(text, " -race ") || strings.Contains(text, "the race detector, in") {
		t.Errorf("the race detector is not used:\n%s", text)
	}
}
