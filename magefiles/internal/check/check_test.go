package check_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/steadylet/steadylet/magefiles/internal/check"
	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/hookcheck"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/roottree"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/serieslock"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// seed changes one file of the fixture: every from in it becomes to. Where from is empty
// the file is moved to the path to.
type seed struct{ file, from, to string }

// fixture lays testdata/good.txtar out, with seeds, and loads the series.
func fixture(t *testing.T, seeds ...seed) (root string, loaded *series.Series, err error) {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", "good.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range seeds {
		at := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == s.file })
		switch {
		case at < 0 || !bytes.Contains(archive.Files[at].Data, []byte(s.from)):
			t.Fatalf("%s with %q is not in the fixture", s.file, s.from)
		case s.from == "":
			archive.Files[at].Name = s.to
		default:
			archive.Files[at].Data = bytes.ReplaceAll(archive.Files[at].Data, []byte(s.from), []byte(s.to))
		}
	}
	dir := t.TempDir()
	if err := txtar.Write(archive, dir); err != nil {
		t.Fatal(err)
	}
	loaded, err = series.Load(os.DirFS(filepath.Join(dir, "patches")), "s")
	return filepath.Join(dir, "root"), loaded, err
}

func version(t *testing.T, text string) kubever.Version {
	t.Helper()
	v, err := kubever.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// apply checks the series on a folder, as a tag of the lock or as another.
func apply(t *testing.T, root string, s *series.Series, tag string, listed bool, recorded *serieslock.Lock) check.Row {
	t.Helper()
	store, err := gittree.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	published := &source.Published{Root: root}
	id, err := roottree.Describe(t.Context(), store, published)
	if err != nil {
		t.Fatal(err)
	}
	selection := check.Select(s, version(t, tag), listed, recorded)
	tree, err := roottree.New(store, published, id, selection.Paths())
	if err != nil {
		t.Fatal(err)
	}
	row, err := check.Apply(s, version(t, tag), selection, tree)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// Every seeded failure gives the right report.
func TestSeededFailures(t *testing.T) {
	const (
		code  = "root/pkg/decide.go"
		index = "patches/s/series.yaml"
	)
	for name, test := range map[string]struct {
		seeds []seed
		match error
		says  []string
	}{
		"context changed": {[]seed{{code, "want := sum()", "want := checksum()"}}, series.ErrConflict,
			[]string{"0001-hook.patch: pkg/decide.go, hunk 1", "pre-image not found (nearest match at line 5)", "-\twant := sum()", "+\twant := checksum()"}},
		"function renamed": {[]seed{{code, "func decide(", "func judge("}}, hookcheck.ErrHookMissing,
			[]string{"the file declares no function decide"}},
		"already applied": {[]seed{{code, "return hash != want", "return hash != want && hook(hash)"}}, series.ErrConflict,
			[]string{"0001-hook.patch", "already applied (at line 5)"}},
		"file moved": {[]seed{{code, "", "root/pkg/other/decide.go"}}, series.ErrConflict,
			[]string{"0001-hook.patch: pkg/decide.go: file missing (of that name: pkg/other/decide.go)", "0002-more.patch: pkg/decide.go: file missing, perhaps because"}},
		"two places": {[]seed{{code, "func other() int {\n\treturn 1\n", "func other(hash int) bool {\n\twant := sum()\n\treturn hash != want\n"}}, series.ErrConflict,
			[]string{"several places (lines 5 10)"}},
		"source with CRLF": {[]seed{{code, "\n", "\r\n"}}, series.ErrConflict, []string{"pre-image not found"}},
		"out of order": {[]seed{{index, "0001-hook", "000X"}, {index, "0002-more", "0001-hook"}, {index, "000X", "0002-more"}}, series.ErrConflict,
			[]string{"0002-more.patch: pkg/decide.go, hunk 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			root, s, err := fixture(t, test.seeds...)
			if err != nil {
				t.Fatal(err)
			}
			row := apply(t, root, s, "v1.36.3", true, &serieslock.Lock{})
			report := &check.Report{Rows: []check.Row{row}}
			if err := report.Err(); row.Passed() || row.Found != nil || !errors.Is(err, test.match) {
				t.Errorf("the error is %v, want %v", err, test.match)
			}
			checkReport(t, report, test.says)
		})
	}
}

// checkReport reads the report for people and the one in JSON.
func checkReport(t *testing.T, report *check.Report, says []string) {
	t.Helper()
	var text, listed bytes.Buffer
	if err := report.Text(&text); err != nil {
		t.Fatal(err)
	}
	for _, part := range says {
		if !strings.Contains(text.String(), part) {
			t.Errorf("the report does not say %q:\n%s", part, &text)
		}
	}
	if err := report.JSON(&listed); err != nil {
		t.Fatal(err)
	}
	var read struct {
		Rows []struct{ Version, Series string }
	}
	if err := json.Unmarshal(listed.Bytes(), &read); err != nil || len(read.Rows) != len(report.Rows) {
		t.Errorf("%v: the JSON report is\n%s", err, &listed)
	}
}

// A patch with CRLF never gets that far.
func TestPatchWithCRLF(t *testing.T) {
	if _, _, err := fixture(t, seed{"patches/s/0001-hook.patch", "\n", "\r\n"}); !errors.Is(err, series.ErrCRLF) {
		t.Errorf("got %v", err)
	}
}

func TestSelection(t *testing.T) {
	root, s, err := fixture(t)
	if err != nil {
		t.Fatal(err)
	}
	row := apply(t, root, s, "v1.36.3", true, &serieslock.Lock{})
	if !row.Passed() || row.Found == nil {
		t.Fatalf("the good tree gives %+v", row)
	}
	recorded := &serieslock.Lock{}
	recorded.Put(*row.Found)
	older := *row.Found
	older.Version = version(t, "v1.36.0")
	recorded.Put(older)
	for _, test := range []struct {
		tag    string
		listed bool
		kind   check.Kind
		from   string
	}{
		{"v1.36.3", true, check.Exact, ""},
		{"v1.36.4", false, check.Inherited, "v1.36.3"},
		{"v1.36.1", false, check.Inherited, "v1.36.0"},
		{"v1.37.0", false, check.Refused, ""}, // in the ranges, but nothing of 1.37 is recorded
		{"v1.38.0", false, check.Refused, ""}, // outside
	} {
		t.Run(test.tag, func(t *testing.T) {
			got := check.Select(s, version(t, test.tag), test.listed, recorded)
			if got.Kind != test.kind || (test.from != "") != (got.From != nil) || got.From != nil && got.From.String() != test.from || got.Reason == "" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// What is inherited but not proven on the tag itself is refused.
func TestInheritedIsProven(t *testing.T) {
	root, s, err := fixture(t)
	if err != nil {
		t.Fatal(err)
	}
	recorded := &serieslock.Lock{Patches: []serieslock.Patch{{File: "0001-hook.patch", SHA256: s.Entries[0].Patch.Digest}, {File: "0002-more.patch", SHA256: s.Entries[1].Patch.Digest}}}
	recorded.Put(*apply(t, root, s, "v1.36.3", true, recorded).Found)
	good := apply(t, root, s, "v1.36.4", false, recorded)
	good.Compare(recorded, func(string) bool { return false })
	if good.Selection.Kind != check.Inherited || !good.Passed() {
		t.Errorf("an equal tag is %s: %s", good.Selection.Kind, good.Selection.Reason)
	}
	good.Compare(recorded, func(file string) bool { return file == "0002-more.patch" })
	if good.Selection.Kind != check.Refused || !good.Edited {
		t.Errorf("with an edited patch it is %s", good.Selection.Kind)
	}
	for _, seeds := range []seed{{"root/pkg/decide.go", "want := sum()", "want := checksum()"}, {"root/pkg/decide.go", "func decide(", "func judge("}} {
		other, _, err := fixture(t, seeds)
		if err != nil {
			t.Fatal(err)
		}
		if row := apply(t, other, s, "v1.36.4", false, recorded); row.Selection.Kind != check.Refused || row.Found != nil {
			t.Errorf("with %q it is %s: %s", seeds.to, row.Selection.Kind, row.Selection.Reason)
		}
	}
}

// An edited patch, a source that is another one, and a patch less are drift, by name.
func TestDrift(t *testing.T) {
	root, s, err := fixture(t)
	if err != nil {
		t.Fatal(err)
	}
	first := apply(t, root, s, "v1.36.3", true, &serieslock.Lock{})
	recorded := &serieslock.Lock{}
	recorded.Put(*first.Found)
	for name, test := range map[string]struct {
		seed seed
		says string
	}{
		"none":           {seed{"root/pkg/decide.go", "decide", "decide"}, ""},
		"another source": {seed{"root/pkg/decide.go", "return 1", "return 2"}, "v1.36.3: the tree before the first patch is another one"},
		"edited patch":   {seed{"patches/s/0002-more.patch", "hash + 1", "hash + 2"}, "v1.36.3: 0002-more.patch: the tree after the patch is another one"},
	} {
		t.Run(name, func(t *testing.T) {
			root, s, err := fixture(t, test.seed)
			if err != nil {
				t.Fatal(err)
			}
			row := apply(t, root, s, "v1.36.3", true, recorded)
			row.Compare(recorded, func(string) bool { return false })
			report := &check.Report{Rows: []check.Row{row}}
			if test.says == "" {
				if err := report.Err(); err != nil {
					t.Error(err)
				}
				return
			}
			if err := report.Err(); !errors.Is(err, serieslock.ErrDrift) {
				t.Errorf("the error is %v", err)
			}
			checkReport(t, report, []string{"drift: " + test.says})
		})
	}
}

// A file of the module cache that somebody edited is not taken for the tag's.
func TestAlteredCache(t *testing.T) {
	root, s, err := fixture(t)
	if err != nil {
		t.Fatal(err)
	}
	store, err := gittree.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	published := &source.Published{Root: root}
	id, err := roottree.Describe(t.Context(), store, published)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "pkg", "decide.go"), []byte("package pkg\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	paths := check.Select(s, version(t, "v1.36.3"), true, &serieslock.Lock{}).Paths()
	if _, err := roottree.New(store, published, id, paths); !errors.Is(err, gittree.ErrAltered) {
		t.Errorf("got %v, want %v", err, gittree.ErrAltered)
	}
}
