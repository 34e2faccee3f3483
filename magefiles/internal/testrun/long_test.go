package testrun

import (
	"bytes"
	"path/filepath"
	"testing"
)

// What runs beside the tests of real kubelets counts as they do, is shown after them, and
// fails the run as they do.
func TestLong(t *testing.T) {
	stand, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", stand+":/usr/bin:/bin")
	for name, fails := range map[string]bool{"passes": false, "fuzzing fails": true} {
		t.Run(name, func(t *testing.T) {
			want := result{passed: 6}
			if fails {
				t.Setenv("FAIL", "yes")
				want = result{passed: 3, failed: 1} // FuzzVariants is not begun any more
			}
			var out later
			var sum result
			err := Config{Root: t.TempDir(), Out: &out}.long(t.Context(), &sum)
			if (err != nil) != fails {
				t.Errorf("got %v", err)
			}
			if sum.passed != want.passed || sum.failed != want.failed {
				t.Errorf("%d passed and %d failed, want %d and %d", sum.passed, sum.failed, want.passed, want.failed)
			}
			if len(sum.skipped) != 1 || sum.skipped[0].reason != "lacks a program" {
				t.Errorf("skipped: %q", sum.skipped)
			}
			text := out.text.Bytes()
			if bytes.Contains(text, []byte("failed without an input that it fails for")) != fails {
				t.Errorf("what is repeated, and why, is said in the wrong case:\n%s", text)
			}
			if node, fuzz := bytes.Index(text, []byte("a node runs")), bytes.Index(text, []byte("FuzzDecode")); node < 0 || fuzz < node {
				t.Errorf("the one is not shown after the other:\n%s", text)
			}
		})
	}
}
