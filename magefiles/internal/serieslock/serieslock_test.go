package serieslock

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

var (
	tag   = kubever.Version{Major: 1, Minor: 36, Patch: 3}
	sumA  = strings.Repeat("a1", 32)
	sumB  = strings.Repeat("b2", 32)
	tree0 = strings.Repeat("00", 20)
	tree1 = strings.Repeat("11", 20)
	tree2 = strings.Repeat("22", 20)
)

// recorded has two patches, on one tag.
func recorded() *Lock {
	lock := &Lock{Patches: []Patch{{"0001-a.patch", sumA}, {"0002-b.patch", sumB}}}
	lock.Put(Version{tag, tree0, []After{{"0001-a.patch", tree1}, {"0002-b.patch", tree2}}})
	return lock
}

func TestWriteAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	if empty, err := Read(path); err != nil || len(empty.Versions) != 0 {
		t.Errorf("an absent lock gives %v, %v", empty, err)
	}
	want := recorded()
	want.Put(Version{kubever.Version{Major: 1, Minor: 20, Patch: 2}, tree0, []After{}})
	if want.Versions[0].Version.Minor != 20 {
		t.Error("the tags are not in order")
	}
	if err := want.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	good, err := recorded().Text()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ from, to, want string }{
		"empty":         {string(good), "", "empty"},
		"schema":        {"schemaVersion: 1", "schemaVersion: 2", "schema version 2"},
		"unknown field": {"patches:", "patchs:", "patchs"},
		"short digest":  {sumA, sumA[2:], "32 bytes"},
		"no name":       {"  0001-a.patch\n", "\n", "not a number and a name"},
		"not hex":       {tree1, strings.Replace(tree1, "1", "x", 1), "hexadecimal"},
		"no source":     {"source", "other", `not named "source"`},
		"not a version": {"v1.36.3", "v1.36", "not a Kubernetes version"},
		"tag twice":     {"versions:\n", "versions:\n  - version: v1.36.3\n    trees: " + tree0 + " source\n", "listed twice"},
		"key twice":     {"versions:", "versions: []\nversions:", "already defined"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(string(good), test.from, test.to, 1)
			if got, err := Parse([]byte(text)); err == nil || got != nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v; want an error that says %q", got, err, test.want)
			}
		})
	}
}

func TestReadNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	if err := os.WriteFile(path, []byte("schemaVersion: 9\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "mage lock") {
		t.Errorf("got %v", err)
	}
}

func TestComparePatches(t *testing.T) {
	for name, test := range map[string]struct {
		found []Patch
		want  []string
	}{
		"equal":   {recorded().Patches, nil},
		"edited":  {[]Patch{{"0001-a.patch", sumB}, {"0002-b.patch", sumB}}, []string{"0001-a.patch: the patch was edited"}},
		"added":   {append(recorded().Patches, Patch{"0003-c.patch", sumA}), []string{"0003-c.patch: the patch is not recorded"}},
		"removed": {recorded().Patches[:1], []string{"0002-b.patch: the patch is gone"}},
		"renamed": {[]Patch{{"0001-x.patch", sumA}, {"0002-b.patch", sumB}}, []string{"0001-x.patch: the patch is not", "0001-a.patch: the patch is gone"}},
	} {
		t.Run(name, func(t *testing.T) { checkDrifts(t, recorded().ComparePatches(test.found), test.want) })
	}
	checkDrifts(t, recorded().CompareSelected(recorded().Patches[:1]), nil)
	if got := (&Lock{}).ComparePatches(recorded().Patches); len(got) != 1 || !errors.Is(&Error{"s", got}, ErrNotRecorded) {
		t.Errorf("of an empty lock, %d drifts are named, want one", len(got))
	}
}

func TestCompareVersion(t *testing.T) {
	other := tag
	other.Patch++
	for name, test := range map[string]struct {
		found  Version
		edited string
		want   []string
	}{
		"equal":           {recorded().Versions[0], "", nil},
		"another tag":     {Version{other, tree0, nil}, "", []string{"v1.36.4: the tag is not recorded"}},
		"another source":  {Version{tag, tree1, nil}, "", []string{"v1.36.3: the tree before the first patch"}},
		"another tree":    {Version{tag, tree0, []After{{"0001-a.patch", tree2}, {"0002-b.patch", tree1}}}, "", []string{"v1.36.3: 0001-a.patch: the tree after"}},
		"edited, named":   {Version{tag, tree0, []After{{"0001-a.patch", tree2}, {"0002-b.patch", tree1}}}, "0001-a.patch", nil},
		"another variant": {Version{tag, tree0, []After{{"0001-a.patch", tree1}, {"0002-b.v1.20.patch", tree2}}}, "", []string{"v1.36.3: 0002-b.v1.20.patch: another patch"}},
		"one more":        {Version{tag, tree0, append(recorded().Versions[0].After, After{"0003-c.patch", tree0})}, "", []string{"0003-c.patch: the patch is applied, and was not"}},
		"one less":        {Version{tag, tree0, recorded().Versions[0].After[:1]}, "", []string{"0002-b.patch: the patch is not applied"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := recorded().CompareVersion(test.found, func(file string) bool { return file == test.edited })
			checkDrifts(t, got, test.want)
		})
	}
}

// Only what is not recorded at all is ErrNotRecorded.
func TestNotRecorded(t *testing.T) {
	edited := recorded().ComparePatches([]Patch{{"0001-a.patch", sumB}, {"0002-b.patch", sumB}})
	if err := error(&Error{"s", edited}); errors.Is(err, ErrNotRecorded) || !errors.Is(err, ErrDrift) {
		t.Errorf("an edited patch: %v", err)
	}
	added := recorded().CompareSelected([]Patch{{"0003-c.patch", sumA}})
	if err := error(&Error{"s", append(edited, added...)}); !errors.Is(err, ErrNotRecorded) {
		t.Errorf("a new patch: %v", err)
	}
	other := Version{Version: kubever.Version{Major: 1, Minor: 9}}
	nobody := func(string) bool { return false }
	if err := error(&Error{"s", recorded().CompareVersion(other, nobody)}); !errors.Is(err, ErrNotRecorded) {
		t.Errorf("a new tag: %v", err)
	}
	noTag := &Lock{Patches: recorded().Patches}
	if got := noTag.CompareVersion(other, nobody); len(got) != 1 {
		t.Errorf("no tag is recorded, and %d drifts are found", len(got))
	}
}

// checkDrifts compares the beginnings of what is said.
func checkDrifts(t *testing.T, got []Drift, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %v, want %q", got, want)
	}
	for i, drift := range got {
		if !strings.Contains(drift.String(), want[i]) {
			t.Errorf("got %q, want %q in it", drift, want[i])
		}
	}
	if len(got) > 0 {
		if err := error(&Error{"s", got}); !errors.Is(err, ErrDrift) || !strings.Contains(err.Error(), want[0]) {
			t.Errorf("the error is %v", err)
		}
	}
}

// FuzzParse: what is read is written and read again as the same.
func FuzzParse(f *testing.F) {
	good, err := recorded().Text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("schemaVersion: 1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lock, err := Parse(data)
		if err != nil {
			return
		}
		text, err := lock.Text()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("%v; the text is\n%s", err, text)
		}
		if diff := cmp.Diff(lock, again); diff != "" {
			t.Error(diff)
		}
	})
}
