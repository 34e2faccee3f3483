package doctor

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"
)

// Release is a version of Kubernetes. Its zero value is one that isn't known.
type Release struct {
	// text is "v1.31.0", with what follows.
	text  string
	minor int
}

// ParseRelease reads "v1.31.0", with or without the v, with or without what a build
// adds ("+steadylet.1a2aaeb5").
func ParseRelease(text string) (Release, error) {
	full := "v" + strings.TrimPrefix(text, "v")
	minor, err := strconv.Atoi(strings.TrimPrefix(semver.MajorMinor(full), "v1."))
	if err != nil || strings.Count(full, ".") < 2 {
		return Release{}, fmt.Errorf("%q is no version of Kubernetes: want v1.31.0, for example", text)
	}
	return Release{full, minor}, nil
}

func (r Release) String() string {
	if !r.Known() {
		return "an unknown version"
	}
	return r.text
}

// Known reports whether it is a version.
func (r Release) Known() bool { return r.text != "" }

// From reports whether the release is of that minor version of Kubernetes 1, or a later
// one. One that isn't known is of none.
func (r Release) From(minor int) bool { return r.Known() && r.minor >= minor }

// Before reports whether the release is of an earlier minor version than that.
func (r Release) Before(minor int) bool { return r.Known() && r.minor < minor }
