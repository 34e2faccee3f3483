package series

import (
	"slices"
	"strings"
	"unicode"
)

const (
	// commonLine is how often a line may occur before it says nothing about
	// where a hunk belongs.
	commonLine = 256
	// slack is how many lines more than the hunk has are looked at on each
	// side of its nearest match, for lines that were added inside it.
	slack = 8
	// longestDifference bounds the compared lines, since comparing takes time
	// and memory in proportion to the square.
	longestDifference = 400
	noNewline         = `\ No newline at end of file`
)

// nearest returns the number of the line where the image fits best, or 0 when
// no telling line of it is in the file. Lines that differ only in white space
// count as equal, and a rare line counts for more than a common one. Of two
// places as good, it takes the one closer to wanted. index is that of the file.
func (m image) nearest(index map[string][]int, wanted int) int {
	votes := map[int]int{}
	for i, line := range m.lines {
		places := index[fold(line)]
		if len(places) > commonLine || !tells(line) {
			continue
		}
		for _, place := range places {
			votes[place-i+m.above] += commonLine / len(places)
		}
	}
	best := 0
	for place, weight := range votes {
		if place < 1 {
			continue
		}
		order := weight - votes[best]
		if order == 0 {
			order = absolute(best-wanted) - absolute(place-wanted)
		}
		if order == 0 {
			order = best - place
		}
		if best == 0 || order > 0 {
			best = place
		}
	}
	return best
}

// indexOf says where each line is, white space aside.
func indexOf(lines []string) map[string][]int {
	index := make(map[string][]int, len(lines))
	for i, line := range lines {
		folded := fold(line)
		index[folded] = append(index[folded], i)
	}
	return index
}

// fold makes lines equal that differ only in white space.
func fold(line string) string { return strings.Join(strings.Fields(line), " ") }

// tells reports whether a line has anything in it that can be recognised; a
// closing brace is in every file.
func tells(line string) bool {
	return strings.ContainsFunc(line, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

// difference compares the image with the lines around place, in the manner of
// a unified diff: "-" is what the patch expects, "+" what the file has.
func (m image) difference(lines []string, place int) []string {
	wanted := m.lines
	if len(wanted) > longestDifference {
		wanted = wanted[:longestDifference]
	}
	first := max(0, place-m.above-slack)
	last := min(len(lines), place-m.above+len(wanted)+slack)
	if first >= last {
		return nil
	}
	return trimUnwanted(compareLines(wanted, lines[first:last]))
}

// compareLines returns a shortest edit from wanted to found.
func compareLines(wanted, found []string) []string {
	common := make([][]int, len(wanted)+1)
	for i := range common {
		common[i] = make([]int, len(found)+1)
	}
	for i := len(wanted) - 1; i >= 0; i-- {
		for j := len(found) - 1; j >= 0; j-- {
			if wanted[i] == found[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var edit []string
	i, j := 0, 0
	for i < len(wanted) || j < len(found) {
		switch {
		case i < len(wanted) && j < len(found) && wanted[i] == found[j]:
			edit = append(edit, shown(" ", wanted[i])...)
			i, j = i+1, j+1
		case j == len(found) || i < len(wanted) && common[i+1][j] >= common[i][j+1]:
			edit = append(edit, shown("-", wanted[i])...)
			i++
		default:
			edit = append(edit, shown("+", found[j])...)
			j++
		}
	}
	return edit
}

func shown(mark, line string) []string {
	switch {
	case line == startOfFile || line == endOfFile:
		return []string{mark + strings.Trim(line, "\n")}
	case strings.HasSuffix(line, "\n"):
		return []string{mark + strings.TrimSuffix(line, "\n")}
	default:
		return []string{mark + line, noNewline}
	}
}

// trimUnwanted drops the lines of the file above and below everything that the
// patch expects, keeping those that stand where an expected line is missing.
func trimUnwanted(edit []string) []string {
	outside := func(line string) bool { return strings.HasPrefix(line, " ") }
	first := slices.IndexFunc(edit, outside)
	if first < 0 {
		return edit
	}
	last := len(edit) - 1
	for !outside(edit[last]) {
		last--
	}
	head, tail := edit[:first], edit[last+1:]
	return slices.Concat(replaced(head, true), edit[first:last+1], replaced(tail, false))
}

// replaced keeps the expected lines of an edit's head or tail, and as many of
// the file's lines next to the middle.
func replaced(edit []string, head bool) []string {
	var expected, found []string
	for _, line := range edit {
		if strings.HasPrefix(line, "+") {
			found = append(found, line)
		} else {
			expected = append(expected, line)
		}
	}
	count := min(len(found), len(expected))
	if head {
		return append(expected, found[len(found)-count:]...)
	}
	return append(expected, found[:count]...)
}
