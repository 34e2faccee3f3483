package series

import (
	"slices"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// The edges of a file take part in matching as lines of their own. A line of a
// file has a newline at its end only, so no file can hold these.
const (
	startOfFile = "\n<start of file>\n"
	endOfFile   = "\n<end of file>\n"
)

// splitLines cuts content into lines that keep their newlines, between the two
// edges. The index of a line is therefore its number, counted from 1.
func splitLines(content []byte) []string {
	lines := append(make([]string, 0, 64+len(content)/32), startOfFile)
	for line := range strings.SplitAfterSeq(string(content), "\n") {
		if line != "" {
			lines = append(lines, line)
		}
	}
	return append(lines, endOfFile)
}

// image is one side of a hunk as it must be found in a file.
type image struct {
	lines []string
	// above and below are 1 where the first or last line is an edge of the
	// file and not content.
	above, below int
}

// content returns the image's lines without the edges.
func (m image) content() []string { return m.lines[m.above : len(m.lines)-m.below] }

// images returns what a hunk replaces and what it puts there. A side without
// context was made at that edge of the file, so the edge is part of the image.
func images(h *gitdiff.TextFragment) (before, after image) {
	old, changed := sides(h)
	return withEdges(h, old), withEdges(h, changed)
}

func withEdges(h *gitdiff.TextFragment, lines []string) image {
	var m image
	if h.LeadingContext == 0 {
		m.above = 1
		m.lines = append(m.lines, startOfFile)
	}
	m.lines = append(m.lines, lines...)
	if h.TrailingContext == 0 {
		m.below = 1
		m.lines = append(m.lines, endOfFile)
	}
	return m
}

// sides returns the lines of a hunk before and after the change.
func sides(h *gitdiff.TextFragment) (old, changed []string) {
	for _, line := range h.Lines {
		if line.Old() {
			old = append(old, line.Line)
		}
		if line.New() {
			changed = append(changed, line.Line)
		}
	}
	return old, changed
}

// find returns every place in lines where the image lies, as the number of its
// first content line.
func (m image) find(lines []string) []int {
	var places []int
	for i := 0; i+len(m.lines) <= len(lines); i++ {
		if lines[i] == m.lines[0] && slices.Equal(lines[i:i+len(m.lines)], m.lines) {
			places = append(places, i+m.above)
		}
	}
	return places
}
