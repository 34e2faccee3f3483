package series

import (
	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// splice returns the content of source with the hunks of f in place. Hunks that
// don't apply are left out and recorded as conflicts.
func (a *application) splice(f *gitdiff.File, source *state) []byte {
	if len(f.TextFragments) == 0 {
		return source.Data
	}
	lines := splitLines(source.Data)
	data := make([]byte, 0, len(source.Data)+1024)
	place := placer{lines: lines, start: 1, end: 1}
	for i, h := range f.TextFragments {
		from := place.end
		found, c := place.next(h)
		if c != nil {
			c.File, c.Hunk = pathOf(f), i+1
			a.conflict(source, *c)
			continue
		}
		data = appendLines(data, lines[from:place.start])
		_, changed := sides(h)
		data = appendLines(data, changed)
		a.applied.Hunks = append(a.applied.Hunks, Placement{
			File: pathOf(f), Hunk: i + 1, Wanted: wantedLine(h), Found: found, Offset: found - wantedLine(h),
		})
	}
	return appendLines(data, lines[place.end:len(lines)-1])
}

func appendLines(data []byte, lines []string) []byte {
	for _, line := range lines {
		data = append(data, line...)
	}
	return data
}

// wantedLine is where the patch says that the hunk begins.
func wantedLine(h *gitdiff.TextFragment) int { return max(1, int(h.OldPosition)) }

// placer finds the hunks of one file from top to bottom.
type placer struct {
	lines []string
	// start and end bound the lines of the last hunk that was placed.
	start, end int
	// known is the index of the lines; it is made for the first hunk that is missing.
	known map[string][]int
}

// index says where each line is in the file, white space aside. Making it takes longer
// than anything else about a hunk, so all hunks of a file share it.
func (p *placer) index() map[string][]int {
	if p.known == nil {
		p.known = indexOf(p.lines)
	}
	return p.known
}

// next places h, and returns the number of its first line or a conflict.
func (p *placer) next(h *gitdiff.TextFragment) (int, *Conflict) {
	before, after := images(h)
	wanted := wantedLine(h)
	places := before.find(p.lines)
	switch {
	case len(places) == 0:
		return 0, p.missing(h, before, after)
	case len(places) > 1:
		return 0, &Conflict{Wanted: wanted, Reason: ReasonSeveral, Nearest: closest(places, wanted), Candidates: places}
	}
	start := places[0]
	end := start + len(before.content())
	switch {
	case end <= p.start && p.end > 1:
		return 0, &Conflict{Wanted: wanted, Reason: ReasonOrder, Nearest: start}
	case start < p.end:
		return 0, &Conflict{Wanted: wanted, Reason: ReasonOverlap, Nearest: start}
	}
	p.start, p.end = start, end
	return start, nil
}

// missing explains why the pre-image is not in the file.
func (p *placer) missing(h *gitdiff.TextFragment, before, after image) *Conflict {
	wanted := wantedLine(h)
	if places := after.find(p.lines); len(places) == 1 && len(after.content()) > 0 {
		return &Conflict{Wanted: wanted, Reason: ReasonApplied, Nearest: places[0]}
	}
	c := &Conflict{Wanted: wanted, Reason: ReasonNotFound, Nearest: before.nearest(p.index(), wanted)}
	if c.Nearest == 0 {
		c.Heading, c.HeadingAt = h.Comment, p.headingAt(h.Comment, wanted)
		return c
	}
	c.Difference = before.difference(p.lines, c.Nearest)
	return c
}

func closest(places []int, wanted int) int {
	best := places[0]
	for _, place := range places {
		if absolute(place-wanted) < absolute(best-wanted) {
			best = place
		}
	}
	return best
}
