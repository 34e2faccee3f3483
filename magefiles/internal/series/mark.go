package series

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// The lines that stand around a conflict, as git writes them.
const (
	markOurs   = "<<<<<<< "
	markMiddle = "=======\n"
	markTheirs = ">>>>>>> "
)

// Marked is a patch as far as it applies.
type Marked struct {
	// Changes have what applies. Where a hunk does not, they have the source's lines at
	// the nearest match and the patch's, one above the other, between the marks of git.
	Changes []FileChange
	// Conflicts are the hunks that don't apply.
	Conflicts []Conflict
	// Taken says that the source has already all that the patch makes.
	Taken bool
}

// Mark applies a patch to base and marks what does not apply. label names the source. A
// change of a whole file that can't be made (it is missing) is among the conflicts only,
// and so is a hunk that the source has already.
func Mark(base Files, patch *Patch, label string) (*Marked, error) {
	result, conflicts, err := Try(base, []*Patch{patch})
	if err != nil {
		return nil, err
	}
	drafts, err := result.Drafts(base)
	if err != nil {
		return nil, err
	}
	marked := &Marked{Conflicts: conflicts, Changes: drafts[0].Files, Taken: len(conflicts) > 0 && len(result.Patches[0].Hunks) == 0}
	for _, conflict := range conflicts {
		marked.Taken = marked.Taken && conflict.Reason == ReasonApplied
	}
	if marked.Taken {
		return marked, nil
	}
	for _, file := range patch.Files {
		failed := conflictsOf(conflicts, pathOf(file))
		if len(failed) == 0 {
			continue
		}
		change, err := markFile(base, file, failed, result.Patches[0].Hunks, markers{label, patch.File})
		if err != nil {
			return nil, err
		}
		if change != nil {
			marked.put(*change)
		}
	}
	return marked, nil
}

func (m *Marked) put(change FileChange) {
	m.Changes = slices.DeleteFunc(m.Changes, func(c FileChange) bool { return c.Path == change.Path })
	m.Changes = append(m.Changes, change)
	slices.SortFunc(m.Changes, func(a, b FileChange) int { return strings.Compare(a.Path, b.Path) })
}

// HasMarks reports whether a text still has a conflict in it.
func HasMarks(text []byte) bool {
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, markOurs) || strings.HasPrefix(line, markTheirs) {
			return true
		}
	}
	return false
}

func conflictsOf(conflicts []Conflict, path string) []Conflict {
	return slices.DeleteFunc(slices.Clone(conflicts), func(c Conflict) bool { return c.File != path })
}

// markers writes the lines around a conflict.
type markers struct{ ours, theirs string }

func (m markers) around(ours, theirs []string) []string {
	return slices.Concat([]string{markOurs + m.ours + "\n"}, ended(ours), []string{markMiddle}, ended(theirs),
		[]string{markTheirs + m.theirs + "\n"})
}

// ended gives the last line its newline, for what follows it.
func ended(lines []string) []string {
	if last := len(lines) - 1; last >= 0 && !strings.HasSuffix(lines[last], "\n") {
		lines = slices.Clone(lines)
		lines[last] += "\n"
	}
	return lines
}

// replacement puts lines in the place of others, counted from 1; to is the first that
// stays.
type replacement struct {
	from, to int
	lines    []string
}

// markFile returns a file with all of its hunks in place or marked, or nil where the
// file as a whole is in conflict and nothing can be shown.
func markFile(base Files, file *gitdiff.File, failed []Conflict, placed []Placement, m markers) (*FileChange, error) {
	old, err := readIfThere(base, pathOf(file))
	if err != nil || old == nil || file.IsDelete || file.IsRename {
		return nil, err
	}
	lines := splitLines(old.Data)
	var parts []replacement
	for i, h := range file.TextFragments {
		before, after := sides(h)
		switch conflict := conflictAt(failed, i+1); {
		case file.IsNew && failed[0].Reason == ReasonApplied:
		case file.IsNew:
			parts = append(parts, replacement{1, len(lines) - 1, m.around(lines[1:len(lines)-1], after)})
		case conflict == nil:
			at := placeOf(placed, pathOf(file), i+1)
			parts = append(parts, replacement{at, at + len(before), after})
		case conflict.Reason != ReasonApplied:
			from := conflict.Nearest
			to := min(from+len(before), len(lines)-1)
			if from == 0 {
				from, to = len(lines)-1, len(lines)-1
			}
			parts = append(parts, replacement{from, to, m.around(lines[from:to], after)})
		}
	}
	data := replaceParts(lines, parts)
	return &FileChange{Path: pathOf(file), Old: old, New: &File{Data: data, Executable: old.Executable}}, nil
}

// replaceParts makes replacements. Of two that overlap the later comes below the earlier,
// with nothing of the source left out between them.
func replaceParts(lines []string, parts []replacement) []byte {
	slices.SortStableFunc(parts, func(a, b replacement) int { return cmp.Compare(a.from, b.from) })
	var data []byte
	at := 1
	for _, part := range parts {
		data = appendLines(data, lines[at:max(at, part.from)])
		data = appendLines(data, part.lines)
		at = max(at, part.to)
	}
	return appendLines(data, lines[at:len(lines)-1])
}

func conflictAt(conflicts []Conflict, hunk int) *Conflict {
	for i := range conflicts {
		if conflicts[i].Hunk == hunk {
			return &conflicts[i]
		}
	}
	return nil
}

func placeOf(placed []Placement, path string, hunk int) int {
	for _, p := range placed {
		if p.File == path && p.Hunk == hunk {
			return p.Found
		}
	}
	return 1
}

// Difference compares two texts by their lines, in the manner of a unified diff without
// numbers: " ", "-" and "+" begin the lines. Longer texts than a patch take long.
func Difference(old, changed []string) []string { return compareLines(old, changed) }

// Where names the files that lines which a patch looks for may have gone to: those with
// the missing file's name, the nearest folder first. paths are all files of the source.
func Where(missing string, paths []string) []string {
	name := missing[strings.LastIndexByte(missing, '/')+1:]
	var found []string
	for _, path := range paths {
		if path != missing && (path == name || strings.HasSuffix(path, "/"+name)) {
			found = append(found, path)
		}
	}
	slices.SortFunc(found, func(a, b string) int {
		return cmp.Or(cmp.Compare(shared(b, missing), shared(a, missing)), strings.Compare(a, b))
	})
	return found
}

// shared counts the folders that two paths have in common, from the root on.
func shared(a, b string) int {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	count := 0
	for count < min(len(as), len(bs)) && as[count] == bs[count] {
		count++
	}
	return count
}

// String returns what became of a patch, in one line.
func (m *Marked) String() string {
	switch {
	case m.Taken:
		return "the source has it already"
	case len(m.Conflicts) == 0:
		return "applied"
	}
	return plural(len(m.Conflicts), "conflict", "conflicts")
}
