// Package kubeletversion reads what a kubelet says of its version. It is pure.
package kubeletversion

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ErrNone means that what was printed is no kubelet's answer.
var ErrNone = errors.New("not a kubelet's answer")

// A kubelet prints its name and its version
// (PrintAndExitIfRequested, k8s.io/component-base/version/verflag/verflag.go).
var pattern = regexp.MustCompile(`^Kubernetes (v[0-9]+\.[0-9]+\.[0-9]+[-+.0-9A-Za-z]*)\s*$`)

// Parse returns the version that a kubelet prints for --version: "v1.30.14", or
// "v1.31.0+steadylet.8b1ec5d9" of a patched one. The error matches ErrNone.
func Parse(output string) (string, error) {
	match := pattern.FindStringSubmatch(output)
	if match == nil {
		return "", fmt.Errorf("%w: %.100q, want \"Kubernetes v1.x.y\"", ErrNone, output)
	}
	return match[1], nil
}

// Patched reports whether a version is that of a kubelet with steadylet's patches.
func Patched(version string) bool { return strings.Contains(version, "+steadylet.") }

// Release returns a version without what the build added: "v1.31.0".
func Release(version string) string {
	release, _, _ := strings.Cut(version, "+")
	return release
}

// Series returns the digest of the patches that a version names: "8b1ec5d9", or nothing
// for one without them.
func Series(version string) string {
	_, series, _ := strings.Cut(version, "+steadylet.")
	return series
}
