package release

import (
	"errors"
	"fmt"
	"regexp"
)

// Versions are the names that one release has.
type Versions struct {
	// Kubelet is what the kubelet says of itself, "v1.36.3+steadylet.d4b41a95".
	Kubelet string
	// Tag is the Kubernetes release, "v1.36.3".
	Tag string
	// Package is the version of the packages, "1.36.3+steadylet.1.d4b41a95".
	Package string
}

// packageRelease is the release of the RPM packages. Ours counts in the version.
const packageRelease = "1"

var kubeletVersion = regexp.MustCompile(`^v(\d+\.\d+\.\d+)\+steadylet\.([0-9a-f]{8})$`)

// NewVersions names a release of a kubelet. The package version lies between those of
// the Kubernetes project's packages of the same tag and of the next one (dpkg and rpm
// both order 1.36.3-1.1 < 1.36.3+steadylet.1.d4b41a95 < 1.36.4-1.1), and later
// revisions are newer: a series digest has no order of its own.
func NewVersions(kubelet string, revision int) (Versions, error) {
	found := kubeletVersion.FindStringSubmatch(kubelet)
	if found == nil {
		return Versions{}, fmt.Errorf("%q is not the version of a patched kubelet, such as v1.36.3+steadylet.d4b41a95", kubelet)
	}
	if err := CheckRevision(revision); err != nil {
		return Versions{}, err
	}
	return Versions{
		Kubelet: kubelet, Tag: "v" + found[1],
		Package: fmt.Sprintf("%s+steadylet.%d.%s", found[1], revision, found[2]),
	}, nil
}

// CheckRevision checks the number of a release among those of its tag.
func CheckRevision(revision int) error {
	if revision < 1 {
		return errors.New("the revision of a release must be 1 or more: -revision=2 for the second of a tag")
	}
	return nil
}

// CheckArchitectures checks a list of Go's names for architectures.
func CheckArchitectures(names []string) error {
	seen := map[string]bool{}
	for _, name := range names {
		if name != "amd64" && name != "arm64" {
			return fmt.Errorf("architecture %q is not supported: want amd64, arm64 or both, separated by a comma", name)
		}
		if seen[name] {
			return fmt.Errorf("architecture %s is named twice", name)
		}
		seen[name] = true
	}
	return nil
}
