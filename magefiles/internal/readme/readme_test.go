package readme

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/upgradetable"
)

const page = "# Title\n<!-- begin a -->\nold\n<!-- end a -->\nbetween\n<!-- begin b -->\n<!-- end b -->\nend\n"

func TestUpdate(t *testing.T) {
	for name, test := range map[string]struct{ text, part, want string }{
		"filled":     {page, "a", strings.Replace(page, "old\n", "\nnew\n\n", 1)},
		"empty":      {page, "b", strings.Replace(page, "begin b -->\n", "begin b -->\n\nnew\n\n", 1)},
		"missing":    {page, "c", ""},
		"twice":      {page + page, "a", ""},
		"wrong way":  {"<!-- end a -->\n<!-- begin a -->\n", "a", ""},
		"interlaced": {"<!-- begin a -->\n<!-- begin b -->\n<!-- end a -->\n<!-- end b -->\n", "a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "README.md")
			if err := os.WriteFile(path, []byte(test.text), 0o644); err != nil {
				t.Fatal(err)
			}
			want := test.want
			if want == "" {
				want = test.text
			}
			err := Update(path, test.part, "new\n", 1)
			if (err != nil) != (test.want == "") {
				t.Errorf("got error %v", err)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	const heading = "| upgrade | scenario | result |\n|---|---|---|\n"
	old := heading + "| a | plain | passed |\n| a | edit | **failed** |\n"
	for name, test := range map[string]struct {
		next string
		key  int
		want string
	}{
		"one row again":   {heading + "| a | edit | passed |\n", 2, heading + "| a | plain | passed |\n| a | edit | passed |"},
		"a new row":       {heading + "| b | plain | passed |\n", 2, strings.TrimSpace(old) + "\n| b | plain | passed |"},
		"the same twice":  {heading + "| b | x | 1 |\n| b | x | 2 |\n", 2, strings.TrimSpace(old) + "\n| b | x | 2 |"},
		"another heading": {"| version |\n|---|\n| a |\n", 1, "| version |\n|---|\n| a |\n"},
		"no table":        {"new", 1, "new"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, merge(old, test.next, test.key)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if got := merge("", old, 1); got != old {
		t.Errorf("an empty part became %q", got)
	}
}

func TestPart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	for part, want := range map[string]string{"a": "old", "b": ""} {
		if got, err := Part(path, part); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", part, got, err, want)
		}
	}
	if _, err := Part(path, "c"); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a part that is missing: got %v", err)
	}
}

// The front page promises what the lock has, and has every part that the targets fill.
func TestFrontPage(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	data, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, name := range []string{"verify", "upgrades", "figures"} {
		if _, err := replace(text, name, ""); err != nil {
			t.Error(err)
		}
	}
	upgradesAreSummedUp(t, root)
	_, rest, found := strings.Cut(text, "every tag of the lock:")
	list, _, ended := strings.Cut(rest, ". ")
	if !found || !ended {
		t.Fatal("the list of tags is not there")
	}
	listed := strings.Fields(strings.NewReplacer(",", " ", " and ", " ", "\n", " ").Replace(list))
	known, err := lock.Read(filepath.Join(root, "patches", "kubernetes.lock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, version := range known.Known() {
		want = append(want, strings.TrimPrefix(version.String(), "v"))
	}
	if strings.Join(listed, " ") != strings.Join(want, " ") {
		t.Errorf("the front page lists %q, the lock has %q", listed, want)
	}
}

// The front page's table of upgrades is the sum of what docs/upgrades.md has.
func upgradesAreSummedUp(t *testing.T, root string) {
	t.Helper()
	all, err := Part(filepath.Join(root, "docs", "upgrades.md"), "upgrades")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := upgradetable.Parse(all)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := Part(filepath.Join(root, "README.md"), "upgrades")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(upgradetable.Summarize(rows)), shown); diff != "" {
		t.Errorf("README.md's upgrades are not the sum of docs/upgrades.md (-want +got):\n%s", diff)
	}
}
