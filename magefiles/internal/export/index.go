package export

import (
	"fmt"
	"slices"
	"strings"
)

// indexText is the text of series.yaml, by lines. It is edited as text, so that comments
// and blank lines stay. What comes out is read again before anybody relies on it.
type indexText []string

func splitIndex(text []byte) indexText { return strings.SplitAfter(string(text), "\n") }

func (t indexText) bytes() []byte { return []byte(strings.Join(t, "")) }

// Lists reports whether the text of series.yaml has an entry of a patch file.
func Lists(index []byte, file string) bool {
	_, _, err := splitIndex(index).block(file)
	return err == nil
}

// block returns the lines of the entry of a patch file: from its first to after its last.
func (t indexText) block(file string) (from, to int, err error) {
	from = slices.IndexFunc(t, func(line string) bool { return strings.TrimSpace(line) == "- file: "+file })
	if from < 0 {
		return 0, 0, fmt.Errorf("%w: no line \"- file: %s\" is in series.yaml", ErrPerson, file)
	}
	to = from + 1
	indent := len(t[from]) - len(strings.TrimLeft(t[from], " "))
	for to < len(t) && strings.TrimSpace(t[to]) != "" && len(t[to])-len(strings.TrimLeft(t[to], " ")) > indent {
		to++
	}
	return from, to, nil
}

// setVersions changes the range of an entry.
func (t indexText) setVersions(file, versions string) error {
	from, to, err := t.block(file)
	if err != nil {
		return err
	}
	for i := from; i < to; i++ {
		if key, _, found := strings.Cut(t[i], "versions:"); found {
			t[i] = key + fmt.Sprintf("versions: %q\n", versions)
			return nil
		}
	}
	return fmt.Errorf("%w: the entry of %s in series.yaml has no line \"versions:\"", ErrPerson, file)
}

// insert puts an entry before or after that of another file.
func (t indexText) insert(file string, before bool, entry []string) (indexText, error) {
	from, to, err := t.block(file)
	if err != nil {
		return nil, err
	}
	if before {
		to = from
	}
	return slices.Insert(slices.Clone(t), to, entry...), nil
}

// newEntry returns the lines of an entry.
func newEntry(file, slot, versions, why string) []string {
	return []string{
		"  - file: " + file + "\n",
		"    slot: " + slot + "\n",
		fmt.Sprintf("    versions: %q\n", versions),
		"    why: " + why + "\n",
	}
}
