package series

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// declaration takes the first line of a Go declaration apart: its keyword, the type of
// the receiver and the name.
var declaration = regexp.MustCompile(`^(func|type|var|const) (?:\((?:\w+ )?\*?(\w+)[^)]*\) ?)?(\w+)`)

// headingAt returns the number of the line that the heading of a hunk names, or 0; of
// several, the one closest to wanted. Git cuts a long heading off, and the arguments of a
// function may have changed since, so a Go declaration is found by its name too.
func (p *placer) headingAt(heading string, wanted int) int {
	if heading = strings.TrimSpace(heading); heading == "" {
		return 0
	}
	places := slices.DeleteFunc(slices.Clone(p.index()[fold(heading)]), func(i int) bool {
		return strings.IndexFunc(p.lines[i], unicode.IsSpace) == 0 // it is inside something
	})
	if len(places) == 0 {
		places = p.declared(heading)
	}
	if len(places) == 0 {
		return 0
	}
	return closest(places, wanted)
}

// declared returns the lines that declare what a heading declares.
func (p *placer) declared(heading string) []int {
	wanted := declaration.FindStringSubmatch(heading)
	if wanted == nil {
		return nil
	}
	var places []int
	for i, line := range p.lines {
		if !strings.HasPrefix(line, wanted[1]) {
			continue
		}
		if found := declaration.FindStringSubmatch(line); found != nil && slices.Equal(found[1:], wanted[1:]) {
			places = append(places, i)
		}
	}
	return places
}
