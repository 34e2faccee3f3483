package kubeletbin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/steadylet/steadylet/internal/readfile"
)

// Manifest has the fields of a build's manifest that the node command shows and
// compares. (The whole of it is what magefiles/internal/manifest writes; a field may
// be added there within a schema version, none changes its meaning.)
type Manifest struct {
	SchemaVersion int    `json:"schemaVersion"`
	Component     string `json:"component"`
	Version       string `json:"version"`
	Base          struct {
		Tag    string `json:"tag"`
		Source struct {
			Kind     string   `json:"kind"`
			Location string   `json:"location"`
			Commit   string   `json:"commit,omitempty"`
			SHA256   string   `json:"sha256,omitempty"`
			RootSum  string   `json:"rootModuleSum,omitempty"`
			Verified bool     `json:"verified"`
			Proofs   []string `json:"proofs,omitempty"`
		} `json:"source"`
	} `json:"base"`
	Series struct {
		Digest  string `json:"digest,omitempty"`
		Patches []struct {
			File   string `json:"file"`
			Title  string `json:"title"`
			Digest string `json:"digest"`
		} `json:"patches"`
		Library string `json:"library,omitempty"`
	} `json:"series"`
	Build struct {
		OS        string `json:"os"`
		Arch      string `json:"arch"`
		Mode      string `json:"mode"`
		Toolchain string `json:"toolchain"`
		BuildID   string `json:"buildID"`
	} `json:"build"`
	Binary struct {
		Name   string `json:"name"`
		SHA256 string `json:"sha256"`
		Size   int64  `json:"size"`
	} `json:"binary"`
}

// ErrManifest means that a manifest can't be understood.
var ErrManifest = errors.New("not the manifest of a build")

const (
	manifestSchema  = 1
	maxManifestSize = 1 << 20
)

// ManifestPath returns where the manifest of a binary lies: beside it.
func ManifestPath(binary string) string { return binary + ".manifest.json" }

// ReadManifest reads a manifest. It returns nil where there is no file.
func ReadManifest(path string) (*Manifest, error) {
	data, err := readfile.Read(path, maxManifestSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the manifest: %w", err)
	}
	manifest, err := ParseManifest(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return manifest, nil
}

// ParseManifest reads a manifest's text. Another schema version is refused:
// half-understood provenance is worse than none.
func ParseManifest(data []byte) (*Manifest, error) {
	var manifest Manifest
	if err := json.Unmarshal(data, &manifest); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if manifest.SchemaVersion != manifestSchema {
		return nil, fmt.Errorf("%w: schema version %d is not supported: want %d", ErrManifest, manifest.SchemaVersion, manifestSchema)
	}
	if len(manifest.Binary.SHA256) != 64 {
		return nil, fmt.Errorf("%w: it has no SHA-256 of the binary", ErrManifest)
	}
	return &manifest, nil
}
