package gocommand

import (
	"regexp"
	"strings"
)

// What the go command says where a server answered for certain that it does not have
// something: the proxy or the checksum database with 404 or 410 (Go 1.26,
// cmd/go/internal/web/api.go, HTTPError), or a repository without the revision
// (cmd/go/internal/modfetch/codehost/codehost.go, UnknownRevisionError).
var (
	noVersion = regexp.MustCompile(`reading \S+/@v/\S+: (404 Not Found|410 Gone)$|: unknown revision \S+$`)
	noSum     = regexp.MustCompile(`reading \S+/lookup/\S+: (404 Not Found|410 Gone)$`)
)

// NoSuchVersion reports whether the go command says that a module version does not exist.
// It is false of any other reason why the version can't be had, and of words that are not
// known here: another day the same version may be there.
func NoSuchVersion(words string) bool { return says(words, noVersion) }

// NotSigned reports whether the go command says that the checksum database does not have a
// module version. It is false of any other reason, as NoSuchVersion is.
func NotSigned(words string) bool { return says(words, noSum) }

// says looks at what the go command itself says: what a server wrote is indented below it.
func says(words string, what *regexp.Regexp) bool {
	response := false
	for line := range strings.Lines(words) {
		line = strings.TrimRight(line, "\n")
		response = strings.HasPrefix(line, "\tserver response:") || response && strings.HasPrefix(line, "\t")
		if !response && what.MatchString(line) {
			return true
		}
	}
	return false
}
