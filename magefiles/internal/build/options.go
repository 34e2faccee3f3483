// Package build compiles one program of a Kubernetes tree.
//
// The result is a function of the tree and of the Options: the toolchain is
// fetched by name, the environment is set in full, and nothing of the clock or
// the host gets into the binary of a release build. A debug build also has the
// tree's path in it, so that a debugger finds the sources.
package build

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// Mode is what a binary is for.
type Mode string

const (
	// Debug keeps every variable readable: no optimisation, no inlining, symbols
	// and DWARF in the binary, source paths as they are on the build host.
	Debug Mode = "debug"
	// Release optimises, cuts the paths and keeps the DWARF in a file of its
	// own, which a debugger finds by build ID.
	Release Mode = "release"
)

// Components are the programs that can be built.
func Components() []string {
	return []string{"kubelet", "kubeadm", "kube-apiserver", "kubectl", edgeCore}
}

// architectures are those that a kubelet is built for.
func architectures() []string { return []string{"amd64", "arm64"} }

// Options say what to build, apart from the tree. The operating system is linux.
type Options struct {
	Component string
	Arch      string
	Mode      Mode
	// CGO links C code, as upstream's own builds do. It needs a C compiler for
	// Arch: see CheckHost.
	CGO bool
}

// NeedsCGO reports whether a component is built with C code by default. EdgeCore keeps
// its state in SQLite, which is C.
func NeedsCGO(component string) bool { return component == edgeCore }

// Check reports the first option that can't be built, with the values that can.
func (o Options) Check() error {
	if !slices.Contains(Components(), o.Component) {
		return fmt.Errorf("component %q is unknown: want one of %s", o.Component, strings.Join(Components(), ", "))
	}
	if !slices.Contains(architectures(), o.Arch) {
		return fmt.Errorf("architecture %q is not supported: want one of %s", o.Arch, strings.Join(architectures(), ", "))
	}
	if o.Mode != Debug && o.Mode != Release {
		return fmt.Errorf("mode %q is unknown: want %s or %s", o.Mode, Debug, Release)
	}
	return nil
}

// runsHere reports whether this host can run what is built.
func (o Options) runsHere() bool { return o.Arch == runtime.GOARCH && runtime.GOOS == "linux" }

// checksStamp reports whether what is built is asked for its version. EdgeCore names its
// own, not that of the kubelet in it.
func (o Options) checksStamp() bool { return o.runsHere() && o.Component != edgeCore }

// identity is what decides a binary apart from the tree, for cache keys.
func (o Options) identity() []string {
	return []string{"build 2", o.Component, o.Arch, string(o.Mode), fmt.Sprint(o.CGO)}
}

// Stamp is what a binary says of itself (k8s.io/component-base/version).
type Stamp struct {
	// Version is the full version, "v1.36.3+steadylet.0a1b2c3d".
	Version string
	// Commit is the ID of the tree's last commit.
	Commit string
	// Date is the build date in RFC 3339; it is the tag's, not the clock's.
	Date string
	// Major and Minor are the release's.
	Major, Minor int
	// Verified says that the tree under the patches is proven to be the tag's. A
	// binary of any other calls its tree dirty.
	Verified bool
	// Variables are set beside those of the version.
	Variables []Variable
}

// Variable is a string variable that the linker sets.
type Variable struct {
	// Package is an import path as its sources write it.
	Package, Name, Value string
}

// versionPackages are those whose variables carry the version.
var versionPackages = [...]string{"k8s.io/client-go/pkg/version", "k8s.io/component-base/version"}

// vendorPrefixes are what comes before a vendored package's path: up to 1.20 the
// linker knows it by the longer one.
var vendorPrefixes = [...]string{"", "k8s.io/kubernetes/vendor/"}

// linkerFlags returns the value of -ldflags.
func (s Stamp) linkerFlags(extra ...string) string {
	flags, state := extra, "dirty"
	if s.Verified {
		state = "clean"
	}
	for _, variable := range [...]struct{ name, value string }{
		{"gitVersion", s.Version},
		{"gitCommit", s.Commit},
		{"gitTreeState", state},
		{"gitMajor", fmt.Sprint(s.Major)},
		{"gitMinor", fmt.Sprint(s.Minor)},
		{"buildDate", s.Date},
	} {
		for _, prefix := range vendorPrefixes {
			for _, path := range versionPackages {
				flags = append(flags, fmt.Sprintf("-X=%s%s.%s=%s", prefix, path, variable.name, variable.value))
			}
		}
	}
	for _, variable := range s.Variables {
		for _, prefix := range vendorPrefixes {
			flags = append(flags, fmt.Sprintf("-X=%s%s.%s=%s", prefix, variable.Package, variable.Name, variable.Value))
		}
	}
	return strings.Join(flags, " ")
}
