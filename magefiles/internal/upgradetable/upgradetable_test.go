package upgradetable

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func read(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestSummarize(t *testing.T) {
	rows, err := Parse(read(t, "rows.md"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(read(t, "summary.md"), Summarize(rows)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is read is what is written.
func TestRowsComeBack(t *testing.T) {
	table := read(t, "rows.md")
	rows, err := Parse(table)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(table), "\n")[2:] {
		if got := rows[i].String(); got != line {
			t.Errorf("got  %s\nwant %s", got, line)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const head = Heading + "\n|---|---|---|---|---|---|---|\n"
	for name, test := range map[string]struct {
		table string
		want  error
	}{
		"nothing":         {"", ErrHeading},
		"another heading": {"| what | ours |\n|---|---|\n", ErrHeading},
		"heading alone":   {Heading, ErrHeading},
		"too few cells":   {head + "| v1 (stock) -> v2 (stock) | plain | 1 | 0 | 0 | passed |", ErrRow},
		"no number":       {head + "| v1 (stock) -> v2 (stock) | plain | x | 0 | 0 | passed |  |", ErrRow},
		"less than none":  {head + "| v1 (stock) -> v2 (stock) | plain | 1 | -1 | 0 | passed |  |", ErrRow},
		"no verdict":      {head + "| v1 (stock) -> v2 (stock) | plain | 1 | 0 | 0 | perhaps |  |", ErrRow},
		"one version":     {head + "| v1 (stock) | plain | 1 | 0 | 0 | passed |  |", ErrRow},
	} {
		t.Run(name, func(t *testing.T) {
			if rows, err := Parse(test.table); !errors.Is(err, test.want) || rows != nil {
				t.Errorf("got %v and %v, want %v", rows, err, test.want)
			}
		})
	}
}

// Whatever is between the comments, it is read or refused.
func FuzzParse(f *testing.F) {
	f.Add(read(f, "rows.md"))
	f.Fuzz(func(t *testing.T, table string) {
		rows, err := Parse(table)
		if err == nil {
			Summarize(rows)
		}
	})
}
