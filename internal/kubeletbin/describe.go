// Package kubeletbin says what a kubelet binary is, and whether it is what its
// manifest says.
//
// # Guarantee
//
// Nothing is run, to ask it for its version, but what is a kubelet by its content: not by
// its name or its path. Describe also runs no binary of another digest than its
// manifest's.
package kubeletbin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"runtime"
)

// Binary is what was found out about a file.
type Binary struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	// Package is the main package, Toolchain the compiler, as the build information
	// has them. OS and Arch say where it runs.
	Package   string `json:"package,omitempty"`
	Toolchain string `json:"toolchain,omitempty"`
	OS        string `json:"os,omitempty"`
	Arch      string `json:"arch,omitempty"`
	// Says is what it answers to --version; NotAsked says why it wasn't asked.
	Says     string `json:"says,omitempty"`
	NotAsked string `json:"notAsked,omitempty"`
}

// Report is what a kubelet is.
type Report struct {
	Binary Binary `json:"binary"`
	// Manifest is nil where there is none.
	ManifestPath string    `json:"manifestPath"`
	Manifest     *Manifest `json:"manifest,omitempty"`
	// Differences is empty for a binary that is what its manifest says.
	Differences []string `json:"differences"`
}

// Describe looks at a kubelet. A missing manifest is no error.
func Describe(ctx context.Context, path, manifestPath string) (Report, error) {
	program, err := open(path)
	if err != nil {
		return Report{}, err
	}
	defer program.Close()
	binary, err := program.describe()
	if err != nil {
		return Report{}, err
	}
	manifest, err := ReadManifest(manifestPath)
	if err != nil {
		return Report{}, err
	}
	report := Report{Binary: binary, ManifestPath: manifestPath, Manifest: manifest}
	report.Binary.NotAsked = program.reasonNotToRun(binary, manifest)
	if report.Binary.NotAsked == "" {
		if report.Binary.Says, err = program.Version(ctx); err != nil {
			report.Binary.NotAsked = err.Error()
		}
	}
	report.Differences = Compare(report.Binary, manifest)
	return report, nil
}

// describe reads the file without running it.
func (p *Program) describe() (Binary, error) {
	sum := sha256.New()
	size, err := io.Copy(sum, p.file)
	if err != nil {
		return Binary{}, fmt.Errorf("reading the kubelet: %w", err)
	}
	binary := Binary{Path: p.path, SHA256: hex.EncodeToString(sum.Sum(nil)), Size: size}
	if p.built == nil {
		return Binary{}, fmt.Errorf("%s (SHA-256 %s) is %w: it is %s", p.path, binary.SHA256, ErrNoKubelet, p.what())
	}
	binary.Package, binary.Toolchain = p.built.Path, p.built.GoVersion
	for _, setting := range p.built.Settings {
		switch setting.Key {
		case "GOOS":
			binary.OS = setting.Value
		case "GOARCH":
			binary.Arch = setting.Value
		}
	}
	return binary, nil
}

// reasonNotToRun says why a binary is not asked for its version, or nothing.
func (p *Program) reasonNotToRun(binary Binary, manifest *Manifest) string {
	switch {
	case !p.kubelet:
		return "it is another program"
	case manifest != nil && manifest.Binary.SHA256 != binary.SHA256:
		return "it is not the one of its manifest"
	case binary.Arch != "" && binary.Arch != runtime.GOARCH:
		return "it is for " + binary.Arch
	}
	return ""
}

// Compare lists what a binary is that it should not be.
func Compare(binary Binary, manifest *Manifest) []string {
	differences := []string{}
	differ := func(what, got, want string) {
		if got != "" && got != want {
			differences = append(differences, fmt.Sprintf("%s is %s, want %s", what, got, want))
		}
	}
	differ("the main package", binary.Package, mainPackage)
	if manifest == nil {
		if binary.Says == "" && binary.NotAsked != "" {
			differences = append(differences, "its version is not known: "+binary.NotAsked)
		}
		return differences
	}
	differ("the component of the manifest", manifest.Component, "kubelet")
	differ("the SHA-256", binary.SHA256, manifest.Binary.SHA256)
	differ("the toolchain", binary.Toolchain, manifest.Build.Toolchain)
	differ("the architecture", binary.Arch, manifest.Build.Arch)
	differ("the version", binary.Says, manifest.Version)
	runsHere := binary.Arch == "" || binary.Arch == runtime.GOARCH // Go before 1.18 doesn't say
	if binary.Says == "" && runsHere && len(differences) == 0 {
		differences = append(differences, "its version is not known: "+binary.NotAsked)
	}
	return differences
}
