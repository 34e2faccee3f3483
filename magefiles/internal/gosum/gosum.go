// Package gosum looks things up in the text of a go.sum file
// (https://go.dev/ref/mod#go-sum-files). It is pure and safe for concurrent use.
package gosum

import "strings"

// Lookup returns the sum ("h1:…") of a module's content at a version, or "" where
// the text has no line for it. (The line for its go.mod alone is another one.)
func Lookup(text, module, version string) string {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == module && fields[1] == version {
			return fields[2]
		}
	}
	return ""
}
