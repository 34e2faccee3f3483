// Package readme keeps the generated parts of README.md and of what it links to, which
// lie between two comments:
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
	return rewrite(path, name, func(old string) string { return merge(old, table, key) })
}

// Replace is like Update, but keeps none of the part's rows.
func Replace(path, name, table string) error {
	return rewrite(path, name, func(string) string { return table })
}

func rewrite(path, name string, next func(old string) string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := string(data)
	_, old, _, err := split(text, name)
	if err == nil {
		text, err = replace(text, name, next(old))
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

// Part returns what lies between the comments of that name in the file at path, without
// the empty lines around it.
func Part(path, name string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	_, content, _, err := split(string(data), name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return strings.TrimSpace(content), nil
}

func replace(text, name, content string) (string, error) {
	before, _, after, err := split(text, name)
	if err != nil {
		return "", err
	}
	return before + "\n" + strings.TrimSpace(content) + "\n\n" + after, nil
}

// split returns what lies between the comments of that name, and what is around it, the
// comments included.
func split(text, name string) (before, content, after string, err error) {
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
	if strings.Count(text, begin) != 1 || strings.Count(text, end) != 1 {
		return "", "", "", fmt.Errorf("want one line %q and one line %q", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	before, rest, _ := strings.Cut(text, begin)
	content, after, found := strings.Cut(rest, end)
	if !found || strings.Contains(content, "<!-- begin ") {
		return "", "", "", fmt.Errorf("the line %q does not follow its begin", strings.TrimSpace(end))
	}
	return before + begin, content, end + after, nil
}
