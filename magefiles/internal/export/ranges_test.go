package export

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

func tag(t *testing.T, text string) kubever.Version {
	t.Helper()
	v, err := kubever.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// slot makes variants of "file", "versions" pairs.
func slot(t *testing.T, pairs ...string) []variant {
	t.Helper()
	var variants []variant
	for i := 0; i < len(pairs); i += 2 {
		versions, err := kubever.ParseRange(pairs[i+1])
		if err != nil {
			t.Fatal(err)
		}
		v, err := newVariant(pairs[i], versions)
		if err != nil {
			t.Fatal(err)
		}
		variants = append(variants, v)
	}
	return variants
}

func TestExtend(t *testing.T) {
	for name, test := range map[string]struct {
		before []variant
		tag    string
		want   []variant // nil: not possible
	}{
		"up":              {slot(t, "a", ">=1.30.4 <1.38.0"), "v1.38.1", slot(t, "a", ">=1.30.4 <1.39.0")},
		"down":            {slot(t, "a", ">=1.30.4 <1.38.0"), "v1.29.6", slot(t, "a", ">=1.29.6 <1.38.0")},
		"over another":    {slot(t, "a", ">=1.20.2 <1.21.0", "b", ">=1.29.6 <1.38.0"), "v1.38.0", nil},
		"beside another":  {slot(t, "a", ">=1.20.2 <1.21.0", "b", ">=1.29.6 <1.38.0"), "v1.25.16", slot(t, "a", ">=1.20.2 <1.26.0", "b", ">=1.29.6 <1.38.0")},
		"another has it":  {slot(t, "a", ">=1.20.2 <1.21.0", "b", ">=1.29.6 <1.38.0"), "v1.30.4", nil},
		"unknown variant": {slot(t, "b", ">=1.20.2 <1.21.0"), "v1.21.0", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := extend(test.before, "a", tag(t, test.tag))
			if ok != (test.want != nil) {
				t.Fatalf("it is possible: %v", ok)
			}
			if diff := cmp.Diff(test.want, got); ok && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAdd(t *testing.T) {
	locked := []kubever.Version{tag(t, "v1.20.2"), tag(t, "v1.30.4"), tag(t, "v1.31.0"), tag(t, "v1.37.2")}
	for name, test := range map[string]struct {
		before []variant
		tag    string
		want   []variant // nil: a person has to
	}{
		"after all":        {slot(t, "a", ">=1.30.4 <1.38.0"), "v1.38.0", slot(t, "a", ">=1.30.4 <1.38.0", "new", ">=1.38.0 <1.39.0")},
		"before all":       {slot(t, "a", ">=1.30.4 <1.38.0"), "v1.28.15", slot(t, "new", ">=1.28.15 <1.29.0", "a", ">=1.30.4 <1.38.0")},
		"up to the next":   {slot(t, "a", ">=1.30.4 <1.38.0"), "v1.30.1", slot(t, "new", ">=1.30.1 <1.30.4", "a", ">=1.30.4 <1.38.0")},
		"takes the end":    {slot(t, "a", ">=1.30.4 <1.39.0"), "v1.38.0", slot(t, "a", ">=1.30.4 <1.38.0", "new", ">=1.38.0 <1.39.0")},
		"takes the start":  {slot(t, "a", ">=1.29.6 <1.38.0"), "v1.29.6", slot(t, "new", ">=1.29.6 <1.30.0", "a", ">=1.30.0 <1.38.0")},
		"divides a proven": {slot(t, "a", ">=1.20.2 <1.38.0"), "v1.25.16", nil},
		"takes all":        {slot(t, "a", ">=1.38.0 <1.39.0"), "v1.38.0", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := add(test.before, "new", tag(t, test.tag), locked)
			if test.want == nil {
				if !errors.Is(err, ErrPerson) || got != nil {
					t.Errorf("got %v, %v; want %v", got, err, ErrPerson)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOtherRangesAreLeftToAPerson(t *testing.T) {
	for _, text := range []string{">=1.30.4", "=1.30.4", ">1.30.4 <1.31.0", ">=1.30.4 <=1.31.0", "<1.31.0 >=1.30.4"} {
		versions, err := kubever.ParseRange(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newVariant("a", versions); !errors.Is(err, ErrPerson) {
			t.Errorf("%s gives %v", text, err)
		}
	}
}

func TestNameOf(t *testing.T) {
	for tried, want := range map[string]string{
		"0003-run.patch": "0003-run.v1.38.patch", "0003-run.v1.20.patch": "0003-run.v1.38.patch", "0003-run.v1.38.patch": "0003-run.v1.38.0.patch",
	} {
		if got := nameOf(tried, tag(t, "v1.38.0"), []variant{{File: tried}}); got != want {
			t.Errorf("%s becomes %s, want %s", tried, got, want)
		}
	}
}

const index = `name: s
patches:
  # A word on the first.
  - file: 0001-a.patch
    slot: a
    versions: ">=1.30.4 <1.38.0"
    why: Because
      of this.

  - file: 0002-b.patch
    versions: ">=1.30.4 <1.38.0"
    why: Because.

assertions:
  - file: 0001-a.patch
`

func TestIndexText(t *testing.T) {
	text := splitIndex([]byte(index))
	if err := text.setVersions("0002-b.patch", ">=1.30.4 <1.39.0"); err != nil {
		t.Fatal(err)
	}
	text, err := text.insert("0001-a.patch", false, newEntry("0001-a.v1.38.patch", "a", ">=1.38.0 <1.39.0", "The same."))
	if err != nil {
		t.Fatal(err)
	}
	if text, err = text.insert("0001-a.patch", true, []string{"  # inserted\n"}); err != nil {
		t.Fatal(err)
	}
	const want = `name: s
patches:
  # A word on the first.
  # inserted
  - file: 0001-a.patch
    slot: a
    versions: ">=1.30.4 <1.38.0"
    why: Because
      of this.
  - file: 0001-a.v1.38.patch
    slot: a
    versions: ">=1.38.0 <1.39.0"
    why: The same.

  - file: 0002-b.patch
    versions: ">=1.30.4 <1.39.0"
    why: Because.

assertions:
  - file: 0001-a.patch
`
	if diff := cmp.Diff(want, string(text.bytes())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := text.setVersions("0009-z.patch", ""); !errors.Is(err, ErrPerson) {
		t.Errorf("an unknown file gives %v", err)
	}
}
