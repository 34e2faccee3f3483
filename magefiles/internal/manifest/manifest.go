// Package manifest describes a built binary: what it was made from, and what
// vouches for that. The manifest lies beside the binary as
// <component>.manifest.json.
package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/google/renameio"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/certvalidity"
	"github.com/steadylet/steadylet/magefiles/internal/layout"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// SchemaVersion is the one that this package writes and reads. A field may be
// added within a version; none changes its meaning.
const SchemaVersion = 1

// Manifest is the description of one binary. Digests are SHA-256 in
// hexadecimal, IDs of trees and commits are git's.
type Manifest struct {
	SchemaVersion int `json:"schemaVersion"`
	// Component is the program, Version what it says of itself.
	Component string `json:"component"`
	Version   string `json:"version"`
	Base      Base   `json:"base"`
	Series    Series `json:"series"`
	Build     Build  `json:"build"`
	Binary    File   `json:"binary"`
	// Debug is the file with the DWARF of a release binary.
	Debug *File `json:"debug,omitempty"`
	// CertificateValidity says for how long a kubeadm that was built for that signs.
	CertificateValidity *CertificateValidity `json:"certificateValidity,omitempty"`
}

// CertificateValidity is for how many years kubeadm signs, and what makes it.
type CertificateValidity struct {
	certvalidity.Years
	// Configuration is the ClusterConfiguration with the years, where a stock kubeadm
	// reads them from that. Elsewhere they are in the binary.
	Configuration *File `json:"configuration,omitempty"`
}

// Base is the pristine tree.
type Base struct {
	// Tag is the Kubernetes release, "v1.36.3".
	Tag    string        `json:"tag"`
	Source source.Origin `json:"source"`
	Layout layout.Layout `json:"layout"`
	Tree   string        `json:"tree"`
	Commit string        `json:"commit"`
}

// Series is what was added to the base. A stock build has no patches.
type Series struct {
	Digest  string  `json:"digest,omitempty"`
	Patches []Patch `json:"patches"`
	// Untested says that a patch was taken for a version outside every range that
	// the series has for it, or that is not what the series' lock recorded.
	Untested bool `json:"untested"`
	// Library is the digest of the state file library that was placed in the tree.
	Library string `json:"library,omitempty"`
	// Tree and Commit are those of the whole, after the last patch.
	Tree   string `json:"tree"`
	Commit string `json:"commit"`
}

// Patch is one patch, and the tree and commit that it led to.
type Patch struct {
	File   string `json:"file"`
	Title  string `json:"title"`
	Digest string `json:"digest"`
	Tree   string `json:"tree"`
	Commit string `json:"commit"`
}

// Build says how the tree became the binary.
type Build struct {
	OS        string     `json:"os"`
	Arch      string     `json:"arch"`
	Mode      build.Mode `json:"mode"`
	CGO       bool       `json:"cgo"`
	Toolchain string     `json:"toolchain"`
	// Arguments and Settings are those of the go command.
	Arguments []string `json:"arguments"`
	Settings  []string `json:"settings"`
	// BuildID is the GNU build ID.
	BuildID string `json:"buildID"`
	// StampChecked says that the binary was run and named its version. One for
	// another architecture can't be.
	StampChecked bool `json:"stampChecked"`
	// Started and DurationSeconds say when the compiler ran, and for how long. They
	// are left out where Portable left them out.
	Started         time.Time `json:"started,omitzero"`
	DurationSeconds float64   `json:"durationSeconds,omitzero"`
}

// File is a file beside the manifest.
type File struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	// Size is in bytes.
	Size int64 `json:"size"`
}

// Write stores a manifest at path, whole or not at all.
func Write(path string, m Manifest) error {
	m.SchemaVersion = SchemaVersion
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	if err := renameio.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	return nil
}

// Read reads a manifest. Unknown fields are refused, and so is another schema
// version: half-understood provenance is worse than none.
func Read(path string) (Manifest, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Manifest{}, fmt.Errorf("reading the manifest: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var m Manifest
	if err := decoder.Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("reading the manifest %s: %w", path, err)
	}
	if m.SchemaVersion != SchemaVersion {
		return Manifest{}, fmt.Errorf("reading the manifest %s: schema version %d is not supported: want %d", path, m.SchemaVersion, SchemaVersion)
	}
	return m, nil
}
