package release

import (
	"cmp"
	"maps"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// parts collects the components of several programs, each once.
type parts struct {
	byReference map[string]cdx.Component
}

func newParts() parts { return parts{byReference: map[string]cdx.Component{}} }

// add takes a component in, and returns its reference.
func (p parts) add(component cdx.Component) string {
	p.byReference[component.BOMRef] = component
	return component.BOMRef
}

// modules takes in the modules of a program and the standard library, and returns their
// references. The program's own module is not among them.
func (p parts) modules(info *debug.BuildInfo) []string {
	standard := strings.TrimPrefix(info.GoVersion, "go")
	references := []string{p.add(library("std", standard))}
	for _, dependency := range info.Deps {
		name, version := dependency.Path, dependency.Version
		// A replacement by a folder of the same tree (staging modules) has no version.
		if replaced := dependency.Replace; replaced != nil && replaced.Version != "" {
			name, version = replaced.Path, replaced.Version
		}
		component := library(name, version)
		if sum, err := directoryHash(dependency.Sum); err == nil {
			component.Properties = &[]cdx.Property{{Name: "steadylet:dirHash", Value: sum}}
		}
		references = append(references, p.add(component))
	}
	return references
}

// named returns the references of the modules of that path.
func (p parts) named(path string) []string {
	var found []string
	for _, component := range p.sorted() {
		if component.Name == path {
			found = append(found, component.BOMRef)
		}
	}
	return found
}

// sorted returns the components by reference.
func (p parts) sorted() []cdx.Component {
	return slices.SortedFunc(maps.Values(p.byReference), func(a, b cdx.Component) int { return cmp.Compare(a.BOMRef, b.BOMRef) })
}

func library(path, version string) cdx.Component {
	at := moduleURL(path, version)
	return cdx.Component{BOMRef: at, Type: cdx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: at}
}

// moduleURL is the package URL of a Go module (purl-spec, types/golang-definition):
// path elements are percent-encoded, and so is the version.
func moduleURL(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(url.PathEscape(version), "+", "%2B")
}

// dependency says what one component is made of.
func dependency(reference string, on []string) cdx.Dependency {
	on = slices.Compact(slices.Sorted(slices.Values(on)))
	return cdx.Dependency{Ref: reference, Dependencies: &on}
}
