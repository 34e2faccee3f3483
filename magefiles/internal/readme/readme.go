// Package readme keeps the generated parts of README.md, which lie between two
// comments:
//
//	<!-- begin NAME -->
//	<!-- end NAME -->
//
// A part is one Markdown table.
package readme

import (
	"fmt"
	"os"
	"strings"

	"github.com/google/renameio"
)

// Update puts the rows of a table into the part of that name of the file at path. A row
// takes the place of the one with the same first columns, as many as key says; the
// part's other rows stay, so that a table can be filled by several runs. Under another
// heading the old rows go. The rest of the file stays as it is, to the byte. Without
// exactly one such pair of comments the file is not changed.
func Update(path, name, table string, key int) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := string(data)
	old, err := part(text, name)
	if err == nil {
		text, err = replace(text, name, merge(old, table, key))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return renameio.WriteFile(path, []byte(text), 0o644)
}

// headingLines are the names of a Markdown table's columns and the line below them.
const headingLines = 2

// merge returns the rows of two tables, those of next where both have one.
func merge(old, next string, key int) string {
	was, is := lines(old), lines(next)
	if len(was) < headingLines || len(is) < headingLines || was[0] != is[0] {
		return next
	}
	rows, place := was[headingLines:], map[string]int{}
	for i, row := range rows {
		place[keyOf(row, key)] = i
	}
	for _, row := range is[headingLines:] {
		if i, known := place[keyOf(row, key)]; known {
			rows[i] = row
			continue
		}
		place[keyOf(row, key)] = len(rows)
		rows = append(rows, row)
	}
	return strings.Join(append(is[:headingLines:headingLines], rows...), "\n")
}

func lines(table string) []string { return strings.Split(strings.TrimSpace(table), "\n") }

// keyOf returns the first columns of a row.
func keyOf(row string, columns int) string {
	cells := strings.SplitN(strings.TrimPrefix(row, "|"), "|", columns+1)
	return strings.Join(cells[:min(columns, len(cells))], "|")
}

// part returns what lies between the comments of that name.
func part(text, name string) (string, error) {
	begin, end := marks(name)
	if strings.Count(text, begin) != 1 || strings.Count(text, end) != 1 {
		return "", fmt.Errorf("want one line %q and one line %q", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	_, rest, _ := strings.Cut(text, begin)
	found, _, closed := strings.Cut(rest, end)
	if !closed || strings.Contains(found, "<!-- begin ") {
		return "", fmt.Errorf("the line %q does not follow its begin", strings.TrimSpace(end))
	}
	return found, nil
}

// replace returns the text with other content between the comments of that name.
func replace(text, name, content string) (string, error) {
	if _, err := part(text, name); err != nil {
		return "", err
	}
	begin, end := marks(name)
	before, rest, _ := strings.Cut(text, begin)
	_, after, _ := strings.Cut(rest, end)
	return before + begin + "\n" + strings.TrimSpace(content) + "\n\n" + end + after, nil
}

func marks(name string) (begin, end string) {
	return "<!-- begin " + name + " -->\n", "<!-- end " + name + " -->\n"
}
