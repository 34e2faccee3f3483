// Package certvalidity decides how kubeadm is made to sign certificates for a number of
// years of one's own: up to 1.30 by a patch series whose variables the linker sets, from
// 1.31 on by a field of kubeadm's own configuration.
//
// Everything here is pure and safe for concurrent use.
package certvalidity

import (
	"errors"
	"fmt"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// Series is the patch series for versions that need one.
const Series = "kubeadm-cert-validity"

// Component is the program that signs certificates.
const Component = "kubeadm"

// What is taken where nothing else is said, in years.
const (
	DefaultLeaf = 10
	DefaultCA   = 30
)

// Year is what kubeadm takes for one (duration365d, client-go/util/cert/cert.go):
// leap days are not counted.
const Year = 365 * 24 * time.Hour

// MaxYears is how many of those a time.Duration holds, in which kubeadm computes.
const MaxYears = int((1<<63 - 1) / Year)

// lastDay is the last time that a certificate can name (RFC 5280, 4.1.2.5.2).
var lastDay = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)

// Years say for how long kubeadm signs.
type Years struct {
	// Leaf is for certificates that sign nothing themselves, CA for authorities.
	// Both are in years of 365 days.
	Leaf int `json:"leafYears"`
	CA   int `json:"caYears"`
}

// ErrYears is matched by the error of years that can't be used.
var ErrYears = errors.New("these years can't be used")

// Check reports the first thing that is wrong with certificates of these years made now.
// The error matches ErrYears.
func (y Years) Check(now time.Time) error {
	for _, years := range []struct {
		flag  string
		count int
	}{{"-leafYears", y.Leaf}, {"-caYears", y.CA}} {
		if years.count < 1 || years.count > MaxYears {
			return fmt.Errorf("%w: %s=%d: want 1 to %d, which is as long as kubeadm can count", ErrYears, years.flag, years.count, MaxYears)
		}
	}
	if y.Leaf > y.CA {
		return fmt.Errorf("%w: -leafYears=%d is more than -caYears=%d: a certificate is of no use once its authority has expired", ErrYears, y.Leaf, y.CA)
	}
	if end := now.Add(time.Duration(y.CA) * Year); end.After(lastDay) {
		return fmt.Errorf("%w: -caYears=%d ends in %s: certificates end by %s", ErrYears, y.CA, end.Format(time.DateOnly), lastDay.Format(time.DateOnly))
	}
	return nil
}

// Label names the years in versions and folders: "10y.30y", the leaf's first. It is valid as
// build metadata of a semantic version.
func (y Years) Label() string { return fmt.Sprintf("%dy.%dy", y.Leaf, y.CA) }

// Variables are those that the linker sets in a tree with the series.
func (y Years) Variables() []build.Variable {
	const path = "k8s.io/client-go/util/cert"
	return []build.Variable{
		{Package: path, Name: "leafYears", Value: fmt.Sprint(y.Leaf)},
		{Package: path, Name: "caYears", Value: fmt.Sprint(y.CA)},
	}
}

// firstConfigured is the first release whose kubeadm reads both validities from its
// configuration (cmd/kubeadm/app/apis/kubeadm/v1beta4/types.go).
var firstConfigured = kubever.Version{Major: 1, Minor: 31}

// Configured reports whether a release needs no patch, since its kubeadm reads the
// validities from its configuration.
func Configured(v kubever.Version) bool { return v.Compare(firstConfigured) >= 0 }
