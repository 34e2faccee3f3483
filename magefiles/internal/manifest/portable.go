package manifest

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// Portable returns the manifest without what differs between two builds of the same
// inputs (when the compiler ran, and in which folder) and without what concerns only
// the host that built it: paths there, and who it is to the server of a repository.
func (m Manifest) Portable() Manifest {
	m.Build.Started, m.Build.DurationSeconds = Manifest{}.Build.Started, 0
	m.Build.Arguments = slices.Clone(m.Build.Arguments)
	for i, argument := range m.Build.Arguments {
		if i > 0 && m.Build.Arguments[i-1] == "-o" {
			m.Build.Arguments[i] = path.Base(argument)
		}
	}
	m.Build.Settings = slices.Clone(m.Build.Settings)
	for i, setting := range m.Build.Settings {
		if file, found := strings.CutPrefix(setting, "GOWORK="); found {
			m.Build.Settings[i] = "GOWORK=" + path.Base(file)
		}
	}
	m.Base.Source.Location = portableLocation(m.Base.Source)
	return m
}

// portableLocation keeps a URL, without user and password, and the last element of a
// path.
func portableLocation(origin source.Origin) string {
	if origin.Kind == source.Module {
		return origin.Location // a module and its version
	}
	location, err := url.Parse(origin.Location)
	if err != nil || location.Host == "" {
		return path.Base(origin.Location)
	}
	location.User, location.RawQuery, location.Fragment = nil, "", ""
	return location.String()
}
