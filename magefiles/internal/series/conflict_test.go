package series

import (
	"fmt"
	"strings"
	"testing"
)

// generated is a generated file of many functions that look alike, and a patch of some of
// them whose lines are not there any more.
func generated(t testing.TB, functions, hunks int) (Files, *Patch) {
	t.Helper()
	var file, diff strings.Builder
	for i := range functions {
		fmt.Fprintf(&file, "func convert%d(in *In, out *Out) error {\n\tout.Field%d = in.Field%[1]d\n\treturn nil\n}\n\n", i, i)
	}
	for i := range hunks {
		fmt.Fprintf(&diff, "@@ -%d,3 +%[1]d,4 @@ func convert%d(in *In, out *Out) error {\n func convert%[2]d(in *In, out *Out) error {\n+\tcount()\n \told.Field%[2]d = in.Field%[2]d\n \treturn nil\n",
			i*5+1, i)
	}
	text := "Subject: Count\n\ndiff --git a/f.go b/f.go\nindex 1111111..2222222 100644\n--- a/f.go\n+++ b/f.go\n" + diff.String()
	patch, err := parsePatch("0001-f.patch", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return oneFile(file.String()), patch
}

// Every conflict of a file names its nearest match, and one more does not mean that the
// whole file is looked at from the beginning: it costs less than reading the file once.
func TestManyConflicts(t *testing.T) {
	const functions, few, many = 2000, 10, 110
	count := func(hunks int) float64 {
		base, patch := generated(t, functions, hunks)
		return testing.AllocsPerRun(1, func() {
			_, conflicts, err := Try(base, []*Patch{patch})
			if err != nil || len(conflicts) != hunks {
				t.Fatalf("%d hunks give %d conflicts, %v", hunks, len(conflicts), err)
			}
			for i, conflict := range conflicts {
				if conflict.Nearest != i*5+1 || conflict.Reason != ReasonNotFound {
					t.Fatalf("hunk %d: %s", i+1, conflict)
				}
			}
		})
	}
	const lines = functions * 5
	if each := (count(many) - count(few)) / (many - few); each >= lines/10 {
		t.Errorf("one more conflict in a file of %d lines allocates %.0f times", lines, each)
	}
}

// BenchmarkConflicts reports the conflicts of a generated file as long as those that
// Kubernetes has.
func BenchmarkConflicts(b *testing.B) {
	base, patch := generated(b, 12000, 1700)
	for b.Loop() {
		_, conflicts, err := Try(base, []*Patch{patch})
		if err != nil || len(conflicts) != 1700 {
			b.Fatal(len(conflicts), err)
		}
	}
}
