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

func replace(text, name, content string) (string, error) {
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
	if strings.Count(text, begin) != 1 || strings.Count(text, end) != 1 {
		return "", fmt.Errorf("want one line %q and one line %q", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	before, rest, _ := strings.Cut(text, begin)
	old, after, found := strings.Cut(rest, end)
	if !found || strings.Contains(old, "<!-- begin ") {
		return "", fmt.Errorf("the line %q does not follow its begin", strings.TrimSpace(end))
	}
	return before + begin + "\n" + strings.TrimSpace(content) + "\n\n" + end + after, nil
}
