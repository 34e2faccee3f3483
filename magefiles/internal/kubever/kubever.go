// Package kubever parses, orders and ranges Kubernetes release versions.
//
// Everything here is pure and safe for concurrent use.
package kubever

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"
)

// Version is a Kubernetes release version such as v1.36.3 or v1.37.0-rc.1. The
// zero Version is not a release; it sorts before every other.
type Version struct {
	Major, Minor, Patch int
	// Prerelease is what follows the hyphen ("rc.1"), or empty.
	Prerelease string
}

// ParseError says which text is not a Kubernetes version.
type ParseError struct {
	Text   string
	Reason string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("%q is not a Kubernetes version: %s (want a full tag such as v1.36.3)", e.Text, e.Reason)
}

// Parse reads a full version tag, with or without its leading "v". Build
// metadata ("+…") is refused: it names a build, not a tag. The error is a
// *ParseError.
func Parse(text string) (Version, error) {
	tag := text
	if !strings.HasPrefix(tag, "v") {
		tag = "v" + tag
	}
	if !semver.IsValid(tag) {
		return Version{}, &ParseError{text, "not a semantic version"}
	}
	if semver.Build(tag) != "" {
		return Version{}, &ParseError{text, "build metadata is not part of a tag"}
	}
	if semver.Canonical(tag) != tag {
		return Version{}, &ParseError{text, "major, minor and patch are all needed"}
	}
	prerelease := strings.TrimPrefix(semver.Prerelease(tag), "-")
	core := strings.TrimPrefix(strings.TrimSuffix(tag, semver.Prerelease(tag)), "v")
	parts := strings.Split(core, ".")
	var numbers [3]int
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil {
			return Version{}, &ParseError{text, "a number is too large"}
		}
		numbers[i] = n
	}
	return Version{Major: numbers[0], Minor: numbers[1], Patch: numbers[2], Prerelease: prerelease}, nil
}

// String returns the tag, for example "v1.36.3".
func (v Version) String() string {
	tag := fmt.Sprintf("v%d.%d.%d", v.Major, v.Minor, v.Patch)
	if v.Prerelease != "" {
		tag += "-" + v.Prerelease
	}
	return tag
}

// MarshalText writes the tag.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (v *Version) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*v = parsed
	return nil
}

// Compare orders versions as semantic versioning does: -1, 0 or 1.
func (v Version) Compare(w Version) int { return semver.Compare(v.String(), w.String()) }

// StagingModule returns the version under which the staging modules (k8s.io/api
// and the rest) of this release are published: v0.36.3 for v1.36.3.
func (v Version) StagingModule() string {
	staging := v
	staging.Major = 0
	return staging.String()
}
