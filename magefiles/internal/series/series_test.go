package series

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/hookcheck"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

const goodIndex = `name: example
summary: An example.
components: [kubelet, kubeadm]
patches:
  - file: 0002-first.patch
    versions: ">=1.20.0 <1.38.0"
    why: It comes first because it is listed first.
  - file: 0001-second.patch
    slot: second
    versions: ">=1.20.0 <1.25.0"
    why: The old form.
  - file: 0001-second-new.patch
    slot: second
    versions: ">=1.26.0 <1.38.0"
    why: The new form.
assertions:
  - file: pkg/a.go
    function: decide
    call: hook.Changed
    in: return
    import: example.org/hook
  - file: pkg/b.go
    function: (*T).run
    call: hook.Start
    before: begin
    versions: ">=1.30.0"
`

// seriesFS returns a series folder with this index and patches of these names.
func seriesFS(index string, patches ...string) fstest.MapFS {
	fsys := fstest.MapFS{"x/series.yaml": {Data: []byte(index)}, "x/README.md": {Data: []byte("Not a patch.")}}
	for _, name := range patches {
		fsys["x/"+name] = &fstest.MapFile{Data: []byte("Subject: About " + name + "\n\n" + smallDiff)}
	}
	return fsys
}

func loadGood(t *testing.T) *Series {
	t.Helper()
	s, err := Load(seriesFS(goodIndex, "0002-first.patch", "0001-second.patch", "0001-second-new.patch"), "x")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustVersion(t *testing.T, text string) kubever.Version {
	t.Helper()
	v, err := kubever.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestLoad(t *testing.T) {
	s := loadGood(t)
	var got []string
	for _, e := range s.Entries {
		got = append(got, strings.Join([]string{e.Slot, e.Patch.File, e.Patch.Title, e.Versions.String(), e.Why}, "|"))
	}
	want := []string{
		"0002-first.patch|0002-first.patch|About 0002-first.patch|>=1.20.0 <1.38.0|It comes first because it is listed first.",
		"second|0001-second.patch|About 0001-second.patch|>=1.20.0 <1.25.0|The old form.",
		"second|0001-second-new.patch|About 0001-second-new.patch|>=1.26.0 <1.38.0|The new form.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if s.Name != "example" || s.Summary != "An example." || !cmp.Equal(s.Components, []string{"kubelet", "kubeadm"}) {
		t.Errorf("series %q, %q, %q", s.Name, s.Summary, s.Components)
	}
	first := hookcheck.Assertion{File: "pkg/a.go", Function: "decide", Call: "hook.Changed", In: "return", Import: "example.org/hook"}
	if diff := cmp.Diff([]hookcheck.Assertion{first}, s.AssertionsFor(mustVersion(t, "v1.29.9"))); diff != "" {
		t.Errorf("assertions for v1.29.9 (-want +got):\n%s", diff)
	}
	if got := s.AssertionsFor(mustVersion(t, "v1.30.0")); len(got) != 2 || got[1].Before != "begin" {
		t.Errorf("assertions for v1.30.0: %v", got)
	}
}

func TestLoadRefuses(t *testing.T) {
	listed := []string{"0002-first.patch", "0001-second.patch", "0001-second-new.patch"}
	replace := func(old, new string) string {
		if !strings.Contains(goodIndex, old) {
			t.Fatalf("the index has no %q", old)
		}
		return strings.Replace(goodIndex, old, new, 1)
	}
	tests := []struct {
		name, index string
		patches     []string
		want        string
	}{
		{"empty", "", listed, "it is empty"},
		{"unknown field", replace("summary:", "sumary:"), listed, "field sumary not found"},
		{"unknown field of a patch", replace("why: The old", "reason: The old"), listed, "field reason not found"},
		{"twice the same key", replace("summary: An example.", "name: other"), listed, `"name" already defined`},
		{"two documents", goodIndex + "---\nname: other\n", listed, "more than one document"},
		{"no name", replace("name: example", "name: ''"), listed, "name is missing"},
		{"no summary", replace("summary: An example.\n", ""), listed, "summary is missing"},
		{"no components", replace("[kubelet, kubeadm]", "[]"), listed, "components is missing"},
		{"no patches", "name: a\nsummary: b\ncomponents: [c]\n", nil, "patches is missing"},
		{"no reason", replace("The old form.", "''"), listed, "why is missing"},
		{"no range", replace("\">=1.20.0 <1.38.0\"", ""), listed, "versions is missing"},
		{"bad range", replace(">=1.20.0 <1.38.0", "1.20.x"), listed, "1.20.x"},
		{"path", replace("0002-first.patch", "../0002-first.patch"), listed, "is not the name of a .patch file"},
		{"not a patch", replace("0002-first.patch", "README.md"), listed, "is not the name of a .patch file"},
		{"listed twice", replace("0001-second-new.patch", "0001-second.patch"), listed[:2], "is listed twice"},
		{"absent", goodIndex, listed[:2], "0001-second-new.patch is listed but not in the folder"},
		{"unlisted", goodIndex, append(listed, "0009-left.patch"), "0009-left.patch is in the folder but not listed"},
		{"assertion without call", replace("call: hook.Start\n    ", ""), listed, "assertion 2: file, function and call are all needed"},
		{"assertion in a loop", replace("in: return", "in: loop"), listed, `in is "loop"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := Load(seriesFS(test.index, test.patches...), "x")
			if s != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "x/series.yaml") {
				t.Errorf("Load = %v, %v; want an error with %q and the file", s, err, test.want)
			}
		})
	}
}

func TestLoadSlotTornApart(t *testing.T) {
	index := strings.Replace(goodIndex, "slot: second\n    versions: \">=1.20.0", "slot: a\n    versions: \">=1.20.0", 1)
	index = strings.Replace(index, "slot: second", "slot: 0002-first.patch", 1)
	_, err := Load(seriesFS(index, "0002-first.patch", "0001-second.patch", "0001-second-new.patch"), "x")
	if err == nil || !strings.Contains(err.Error(), "do not follow each other") {
		t.Errorf("Load: %v", err)
	}
}

// TestLoadReportsEveryPatch: two bad patches are both named.
func TestLoadReportsEveryPatch(t *testing.T) {
	fsys := seriesFS(goodIndex, "0002-first.patch", "0001-second.patch", "0001-second-new.patch")
	fsys["x/0002-first.patch"].Data = []byte("Subject: A title\r\n\r\n")
	fsys["x/0001-second.patch"].Data = []byte(smallDiff)
	s, err := Load(fsys, "x")
	if s != nil || !errors.Is(err, ErrCRLF) || !errors.Is(err, ErrNoTitle) {
		t.Errorf("Load = %v, %v; want both refusals", s, err)
	}
}

func TestLoadNoSeries(t *testing.T) {
	if _, err := Load(fstest.MapFS{}, "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load: %v; want fs.ErrNotExist", err)
	}
}

func TestDigest(t *testing.T) {
	s := loadGood(t)
	a, b := s.Entries[0].Patch, s.Entries[1].Patch
	renamed := *b
	renamed.File = "0003-other.patch"
	digests := map[string]string{}
	for name, digest := range map[string]string{
		"one":              Digest([]*Patch{a}),
		"two":              Digest([]*Patch{a, b}),
		"other order":      Digest([]*Patch{b, a}),
		"other name":       Digest([]*Patch{a, &renamed}),
		"extra":            Digest([]*Patch{a, b}, "x"),
		"two extras":       Digest([]*Patch{a, b}, "x", "y"),
		"extras in one":    Digest([]*Patch{a, b}, "x\" \"y"),
		"extras reordered": Digest([]*Patch{a, b}, "y", "x"),
	} {
		if other, same := digests[digest]; same || len(digest) != 64 {
			t.Errorf("%s and %s share the digest %q", name, other, digest)
		}
		digests[digest] = name
	}
	again := loadGood(t)
	if digests[Digest([]*Patch{again.Entries[0].Patch, again.Entries[1].Patch})] != "two" {
		t.Error("the same series, loaded again, has another digest")
	}
}
