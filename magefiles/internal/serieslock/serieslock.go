// Package serieslock reads, writes and compares series.lock.yaml, which lies beside a
// series' series.yaml: the digest of each patch, and for each Kubernetes tag the tree
// before and after each patch.
//
// The trees are git's IDs of the tag's published root module (package roottree), so they
// do not depend on where a source came from, nor on the state file library, which is
// placed after the last patch. An edited patch changes its digest and the trees from it
// on; anything else that changes is found as drift.
//
// All functions but Read and Write are pure; values are safe for concurrent reading.
package serieslock

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/google/renameio"
	"go.yaml.in/yaml/v3"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// FileName is the lock's name inside a series' folder.
const FileName = "series.lock.yaml"

// schemaVersion is the only one that this package reads and writes.
const schemaVersion = 1

// sourceName stands where a line of trees has no patch: before the first one.
const sourceName = "source"

// Lock is what is recorded of one series.
type Lock struct {
	Patches  []Patch
	Versions []Version
}

// Patch is one patch file.
type Patch struct {
	File string
	// SHA256 is of the file's bytes, in hexadecimal.
	SHA256 string
}

// Version is one tag with the patches that are applied to it.
type Version struct {
	Version kubever.Version
	// Source is the tree before the first patch.
	Source string
	// After are in the order in which the patches are applied.
	After []After
}

// After is the tree after one patch. Trees are git tree IDs in hexadecimal.
type After struct{ File, Tree string }

// document is the file. Its lists are lines of text, as those of checksum files, so that
// a change of one patch is a change of few short lines.
type document struct {
	SchemaVersion int               `yaml:"schemaVersion"`
	Patches       string            `yaml:"patches"`
	Versions      []versionDocument `yaml:"versions"`
}

type versionDocument struct {
	Version kubever.Version `yaml:"version"`
	Trees   string          `yaml:"trees"`
}

// Read reads the lock at path. Where there is none yet, it is empty.
func Read(path string) (*Lock, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Lock{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the series' lock: %w", err)
	}
	parsed, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading the series' lock %s: %w; write it anew with `go tool mage lock`", path, err)
	}
	return parsed, nil
}

// Parse reads a lock's text, strictly.
func Parse(data []byte) (*Lock, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	var read document
	if err := decoder.Decode(&read); errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	} else if err != nil {
		return nil, err
	}
	if read.SchemaVersion != schemaVersion {
		return nil, fmt.Errorf("schema version %d is not supported: want %d", read.SchemaVersion, schemaVersion)
	}
	lock := &Lock{}
	err := eachLine(read.Patches, 32, func(sum, file string) { lock.Patches = append(lock.Patches, Patch{file, sum}) })
	if err != nil {
		return nil, fmt.Errorf("patches: %w", err)
	}
	for _, v := range read.Versions {
		if _, twice := lock.Find(v.Version); twice {
			return nil, fmt.Errorf("%s is listed twice", v.Version)
		}
		version := Version{Version: v.Version}
		err := eachLine(v.Trees, 20, func(tree, file string) { version.After = append(version.After, After{file, tree}) })
		if err != nil {
			return nil, fmt.Errorf("version %s: %w", v.Version, err)
		}
		if len(version.After) == 0 || version.After[0].File != sourceName {
			return nil, fmt.Errorf("version %s: its first tree is not named %q", v.Version, sourceName)
		}
		version.Source, version.After = version.After[0].Tree, version.After[1:]
		lock.Versions = append(lock.Versions, version)
	}
	return lock, nil
}

// eachLine reads lines of a hexadecimal number of size bytes and a name.
func eachLine(text string, size int, add func(number, name string)) error {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 2 {
			return fmt.Errorf("line %q is not a number and a name", strings.TrimSpace(line))
		}
		if decoded, err := hex.DecodeString(fields[0]); err != nil || len(decoded) != size {
			return fmt.Errorf("%q is not a number of %d bytes in hexadecimal", fields[0], size)
		}
		add(fields[0], fields[1])
	}
	return nil
}

// Text returns what Parse reads.
func (l *Lock) Text() ([]byte, error) {
	written := document{SchemaVersion: schemaVersion}
	for _, patch := range l.Patches {
		written.Patches += patch.SHA256 + "  " + patch.File + "\n"
	}
	for _, version := range l.Versions {
		trees := version.Source + "  " + sourceName + "\n"
		for _, after := range version.After {
			trees += after.Tree + "  " + after.File + "\n"
		}
		written.Versions = append(written.Versions, versionDocument{version.Version, trees})
	}
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(written); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// Write stores the lock at path, whole or not at all.
func (l *Lock) Write(path string) error {
	text, err := l.Text()
	if err == nil {
		err = renameio.WriteFile(path, text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing the series' lock: %w", err)
	}
	return nil
}

// Find returns what is recorded of a tag.
func (l *Lock) Find(version kubever.Version) (Version, bool) {
	for _, v := range l.Versions {
		if v.Version == version {
			return v, true
		}
	}
	return Version{}, false
}

// Put records a tag instead of what was recorded of it. Tags stay in order.
func (l *Lock) Put(version Version) {
	l.Versions = slices.DeleteFunc(slices.Clone(l.Versions), func(v Version) bool { return v.Version == version.Version })
	l.Versions = append(l.Versions, version)
	slices.SortFunc(l.Versions, func(a, b Version) int { return a.Version.Compare(b.Version) })
}

// Files returns the patches' file names in the order in which they are applied.
func (v Version) Files() []string {
	files := make([]string, len(v.After))
	for i, after := range v.After {
		files[i] = after.File
	}
	return files
}
