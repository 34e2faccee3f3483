package export

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/series"
)

func file(text string) *series.File { return &series.File{Data: []byte(text)} }

func TestFold(t *testing.T) {
	commits := []series.Draft{
		{Title: "one", Files: []series.FileChange{{Path: "a", Old: file("0"), New: file("1")}, {Path: "b", New: file("1")}}},
		{Title: "two", Files: []series.FileChange{{Path: "a", Old: file("1"), New: file("2")}}},
	}
	for name, test := range map[string]struct {
		edit series.FileChange
		into int
		want [2][]series.FileChange
		err  bool
	}{
		"into the last that has it": {edit: series.FileChange{Path: "a", Old: file("2"), New: file("3")},
			want: [2][]series.FileChange{commits[0].Files, {{Path: "a", Old: file("1"), New: file("3")}}}},
		"new file by number": {edit: series.FileChange{Path: "c", New: file("1")}, into: 2,
			want: [2][]series.FileChange{commits[0].Files, {commits[1].Files[0], {Path: "c", New: file("1")}}}},
		"back to where it began": {edit: series.FileChange{Path: "b", Old: file("1")},
			want: [2][]series.FileChange{{commits[0].Files[0]}, commits[1].Files}},
		"homeless":      {edit: series.FileChange{Path: "c", New: file("1")}, err: true},
		"changed later": {edit: series.FileChange{Path: "a", Old: file("2"), New: file("3")}, into: 1, err: true},
		"no such patch": {edit: series.FileChange{Path: "c", New: file("1")}, into: 3, err: true},
	} {
		t.Run(name, func(t *testing.T) {
			folded, err := Fold(commits, []series.FileChange{test.edit}, test.into)
			if test.err {
				if !errors.Is(err, ErrHomeless) || folded != nil {
					t.Fatalf("got %v, %v", folded, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range folded {
				if diff := cmp.Diff(test.want[i], folded[i].Files); diff != "" {
					t.Errorf("commit %d (-want +got):\n%s", i+1, diff)
				}
			}
		})
	}
}
