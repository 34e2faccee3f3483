package series

import "slices"

// slide shows the one edit of a hunk in another place, and reports whether there is one
// that was not tried. Lines that are added or deleted above others that are equal to
// them may as well be those: what is around the one place may be on every tag, when what
// is around the other is not. The context is the smallest again.
func (p *filePart) slide(number int) bool {
	hunks := p.hunks()
	if number < 0 || number >= len(hunks) || hunks[number].first != hunks[number].last {
		return false
	}
	i := hunks[number].first
	if p.places[i] == nil {
		p.places[i] = p.otherPlaces(i)
	}
	if len(p.places[i]) == 0 {
		return false
	}
	p.edits[i], p.places[i] = p.places[i][0], p.places[i][1:]
	p.leastContext(i)
	return true
}

// otherPlaces lists where an edit may lie too, the nearest first. It is not nil.
func (p *filePart) otherPlaces(i int) []edit {
	above, below := 0, len(p.old)
	if i > 0 {
		above = p.edits[i-1].oldEnd + 1
	}
	if i < len(p.edits)-1 {
		below = p.edits[i+1].oldStart - 1
	}
	places := []edit{}
	for _, step := range []int{-1, 1} {
		for e := p.edits[i]; ; {
			var moved bool
			if e, moved = p.moved(e, step); !moved || e.oldStart < above || e.oldEnd > below {
				break
			}
			places = append(places, e)
		}
	}
	start := p.edits[i].oldStart
	slices.SortStableFunc(places, func(a, b edit) int { return absolute(a.oldStart-start) - absolute(b.oldStart-start) })
	return places[:min(len(places), widestContext)]
}

// moved shifts an edit by one line, up or down, if the result is the same.
func (p *filePart) moved(e edit, step int) (edit, bool) {
	lines, start, end := p.old, e.oldStart, e.oldEnd
	if start == end {
		lines, start, end = p.new, e.newStart, e.newEnd
	} else if e.newStart != e.newEnd {
		return e, false // lines are replaced
	}
	if step < 0 {
		start, end = start-1, end-1
	}
	if start < 0 || end >= len(lines) || lines[start] != lines[end] {
		return e, false
	}
	return edit{e.oldStart + step, e.oldEnd + step, e.newStart + step, e.newEnd + step}, true
}
