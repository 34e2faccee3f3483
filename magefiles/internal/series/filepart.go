package series

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// filePart is one file's change on its way to text.
type filePart struct {
	change   FileChange
	old, new []string
	edits    []edit
	// context is how many lines are shown around each edit.
	context []int
	// places are where each edit may be shown instead and was not yet; nil is not known.
	places [][]edit
}

// newFilePart finds the edits of a change. The error is a *PatchError.
func newFilePart(file string, change FileChange) (*filePart, error) {
	if change.Old == nil && change.New == nil {
		return nil, &PatchError{file, fmt.Sprintf("%s is absent before and after", change.Path), ErrEmpty}
	}
	for _, side := range []*File{change.Old, change.New} {
		switch {
		case side == nil:
		case bytes.IndexByte(side.Data, 0) >= 0:
			return nil, &PatchError{file, change.Path + " is a binary file", ErrBinary}
		case bytes.Contains(side.Data, []byte("\r\n")):
			return nil, &PatchError{file, change.Path + " has CRLF line endings", ErrCRLF}
		}
	}
	p := &filePart{change: change, old: contentLines(change.Old), new: contentLines(change.New)}
	p.edits = lineEdits(p.old, p.new)
	p.context, p.places = make([]int, len(p.edits)), make([][]edit, len(p.edits))
	for i := range p.edits {
		p.leastContext(i)
	}
	return p, nil
}

// leastContext gives an edit one line of context, or as many as say something.
func (p *filePart) leastContext(i int) {
	p.context[i] = 1
	for p.context[i] < widestContext && !p.recognisable(i) {
		p.context[i]++
	}
}

func contentLines(file *File) []string {
	if file == nil {
		return nil
	}
	lines := splitLines(file.Data)
	return lines[1 : len(lines)-1]
}

// recognisable reports whether the lines that an edit will be found by say anything.
func (p *filePart) recognisable(i int) bool {
	e, context := p.edits[i], p.context[i]
	first, last := max(0, e.oldStart-context), min(len(p.old), e.oldEnd+context)
	return last-first == len(p.old) || slices.ContainsFunc(p.old[first:last], tells)
}

// widen gives the edits of a hunk more context, and reports whether that is possible.
func (p *filePart) widen(number int) bool {
	hunks := p.hunks()
	if number < 0 || number >= len(hunks) {
		return false
	}
	h := hunks[number]
	for i := h.first; i <= h.last; i++ {
		if p.context[i] >= widestContext {
			return false
		}
		p.context[i]++
	}
	return true
}

// hunk is a group of edits that are shown together, with the old lines around them.
type hunk struct {
	first, last      int // edits
	oldStart, oldEnd int
}

// hunks joins edits whose contexts touch.
func (p *filePart) hunks() []hunk {
	var hunks []hunk
	for i, e := range p.edits {
		start, end := max(0, e.oldStart-p.context[i]), min(len(p.old), e.oldEnd+p.context[i])
		if last := len(hunks) - 1; last >= 0 && start <= hunks[last].oldEnd {
			hunks[last].last, hunks[last].oldEnd = i, max(end, hunks[last].oldEnd)
			continue
		}
		hunks = append(hunks, hunk{i, i, start, end})
	}
	return hunks
}

func (p *filePart) counts() (added, deleted int) {
	for _, e := range p.edits {
		added, deleted = added+e.newEnd-e.newStart, deleted+e.oldEnd-e.oldStart
	}
	return added, deleted
}

func (p *filePart) mode(file *File) string {
	if file.Executable {
		return fmt.Sprintf("%o", modeExecutable)
	}
	return fmt.Sprintf("%o", modeRegular)
}

// write writes the diff of the file as git does.
func (p *filePart) write(text *bytes.Buffer) {
	c := p.change
	fmt.Fprintf(text, "diff --git a/%s b/%s\n", c.Path, c.Path)
	ids := blobID(c)
	from, to := "a/"+c.Path, "b/"+c.Path
	switch {
	case c.Old == nil:
		fmt.Fprintf(text, "new file mode %s\nindex %s\n", p.mode(c.New), ids)
		from = "/dev/null"
	case c.New == nil:
		fmt.Fprintf(text, "deleted file mode %s\nindex %s\n", p.mode(c.Old), ids)
		to = "/dev/null"
	case c.Old.Executable != c.New.Executable:
		fmt.Fprintf(text, "old mode %s\nnew mode %s\n", p.mode(c.Old), p.mode(c.New))
		if len(p.edits) > 0 {
			fmt.Fprintf(text, "index %s\n", ids)
		}
	default:
		fmt.Fprintf(text, "index %s %s\n", ids, p.mode(c.New))
	}
	if len(p.edits) == 0 {
		return
	}
	fmt.Fprintf(text, "--- %s\n+++ %s\n", from, to)
	for _, h := range p.hunks() {
		p.writeHunk(text, h)
	}
}

func (p *filePart) writeHunk(text *bytes.Buffer, h hunk) {
	first, last := p.edits[h.first], p.edits[h.last]
	newStart := first.newStart - (first.oldStart - h.oldStart)
	newEnd := last.newEnd + (h.oldEnd - last.oldEnd)
	fmt.Fprintf(text, "@@ -%s +%s @@%s\n", lineRange(h.oldStart, h.oldEnd), lineRange(newStart, newEnd), p.heading(h))
	at := h.oldStart
	for _, e := range p.edits[h.first : h.last+1] {
		writeLines(text, " ", p.old[at:e.oldStart])
		writeLines(text, "-", p.old[e.oldStart:e.oldEnd])
		writeLines(text, "+", p.new[e.newStart:e.newEnd])
		at = e.oldEnd
	}
	writeLines(text, " ", p.old[at:h.oldEnd])
}

// lineRange writes lines counted from 0 as git does: an empty range stands after its line.
func lineRange(start, end int) string {
	switch end - start {
	case 0:
		return fmt.Sprintf("%d,0", start)
	case 1:
		return fmt.Sprint(start + 1)
	}
	return fmt.Sprintf("%d,%d", start+1, end-start)
}

func writeLines(text *bytes.Buffer, mark string, lines []string) {
	for _, line := range lines {
		text.WriteString(mark + line)
		if !strings.HasSuffix(line, "\n") {
			text.WriteString("\n" + noNewline + "\n")
		}
	}
}

// longestHeading bounds what follows the numbers of a hunk, in bytes, as git does.
const longestHeading = 80

// heading is the last line above the hunk that begins something at the left margin.
func (p *filePart) heading(h hunk) string {
	for i := h.oldStart - 1; i >= 0; i-- {
		line := p.old[i]
		if line == "" || !unicode.IsLetter(rune(line[0])) && line[0] != '_' && line[0] != '$' {
			continue
		}
		line = strings.TrimRight(line, " \t\n")
		return " " + strings.TrimRight(line[:min(len(line), longestHeading)], " \t")
	}
	return ""
}

// sorted puts the files in the order of their paths.
func (d Draft) sorted() Draft {
	d.Files = slices.Clone(d.Files)
	slices.SortFunc(d.Files, func(a, b FileChange) int { return strings.Compare(a.Path, b.Path) })
	return d
}
