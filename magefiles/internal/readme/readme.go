// Package readme keeps the generated parts of README.md, which lie between two
// comments:
//
//	<!-- begin NAME -->
//	<!-- end NAME -->
package readme

import (
	"fmt"
	"os"
	"strings"

	"github.com/google/renameio"
)

// Replace replaces what lies between the comments of that name in the file at path.
// The rest stays as it is, to the byte. Without exactly one such pair the file is not
// changed.
func Replace(path, name, content string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, err := replace(string(data), name, content)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return renameio.WriteFile(path, []byte(text), 0o644)
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
