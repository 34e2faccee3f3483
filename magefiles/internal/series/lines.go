package series

import (
	"github.com/go-git/go-git/v5/utils/diff"
	"github.com/sergi/go-diff/diffmatchpatch"
)

// edit replaces lines of an old text. Both sides are counted in lines from 0; one may
// be empty.
type edit struct {
	oldStart, oldEnd int
	newStart, newEnd int
}

// lineEdits returns the edits that make one text of another, from top to bottom. Where
// an edit could stand in several places it is given the lowest, so that equal changes
// are always written in the same way.
func lineEdits(old, changed []string) []edit {
	var edits []edit
	atOld, atNew := 0, 0
	for _, part := range diff.Do(join(old), join(changed)) {
		count := countLines(part.Text)
		if part.Type == diffmatchpatch.DiffEqual {
			atOld, atNew = atOld+count, atNew+count
			continue
		}
		if last := len(edits) - 1; last < 0 || edits[last].oldEnd != atOld || edits[last].newEnd != atNew {
			edits = append(edits, edit{atOld, atOld, atNew, atNew})
		}
		last := &edits[len(edits)-1]
		if part.Type == diffmatchpatch.DiffDelete {
			atOld += count
		} else {
			atNew += count
		}
		last.oldEnd, last.newEnd = atOld, atNew
	}
	lower(edits, old, changed)
	return edits
}

// lower moves edits that only add, or only delete, down as far as the text allows.
func lower(edits []edit, old, changed []string) {
	for i := len(edits) - 1; i >= 0; i-- {
		e := &edits[i]
		limit := len(old)
		if i+1 < len(edits) {
			limit = edits[i+1].oldStart
		}
		for e.oldEnd < limit && e.slides(old, changed) {
			e.oldStart, e.oldEnd, e.newStart, e.newEnd = e.oldStart+1, e.oldEnd+1, e.newStart+1, e.newEnd+1
		}
	}
}

// slides reports whether the line below an edit is the one it begins with.
func (e edit) slides(old, changed []string) bool {
	switch {
	case e.oldStart == e.oldEnd:
		return changed[e.newStart] == old[e.oldEnd]
	case e.newStart == e.newEnd:
		return old[e.oldStart] == old[e.oldEnd]
	}
	return false
}

func join(lines []string) string {
	size := 0
	for _, line := range lines {
		size += len(line)
	}
	text := make([]byte, 0, size)
	for _, line := range lines {
		text = append(text, line...)
	}
	return string(text)
}

// countLines counts lines, the last one also where it has no newline.
func countLines(text string) int {
	lines := splitLines([]byte(text))
	return len(lines) - 2 // without the edges
}
