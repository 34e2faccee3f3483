// Package lock reads and writes patches/kubernetes.lock.yaml: which Kubernetes
// tags are known, and what their sources must be.
//
// Everything that is downloaded is checked against this file before it is used.
// All functions but Read and Write are pure; values are safe for concurrent
// reading.
package lock

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"go/version"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio"
	"go.yaml.in/yaml/v3"

	"github.com/steadylet/steadylet/magefiles/internal/gosum"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// schemaVersion is the only one that this package reads and writes.
const schemaVersion = 1

// File is the whole lock.
type File struct {
	SchemaVersion int `yaml:"schemaVersion"`
	// Git is where tags are cloned from unless a person names another place.
	Git      string  `yaml:"git"`
	Versions []Entry `yaml:"versions"`
}

// Entry is what is known about one tag.
type Entry struct {
	Version kubever.Version `yaml:"version"`
	// Time is when the tag's commit was made. It becomes the build date, so
	// that a build is a function of its inputs.
	Time time.Time `yaml:"time"`
	// Toolchain is the Go toolchain that the tag is built with, "go1.26.5". It
	// stands in for .go-version, which tags have from 1.23 on.
	Toolchain string `yaml:"toolchain"`
	// Commit is the tag's commit ID where it is known, else empty.
	Commit string `yaml:"commit,omitempty"`
	// Archives are the source tarballs that are known to be this tag.
	Archives []Archive `yaml:"archives,omitempty"`
	// RootOnly says that the root module can be had but not its staging
	// modules: enough for applying patches, not for building.
	RootOnly bool `yaml:"rootOnly,omitempty"`
	// Unsigned are the modules whose sums in GoSum come from the module proxy
	// alone, since the checksum database did not know them.
	Unsigned []string `yaml:"unsigned,omitempty"`
	// GoSum has the lines of go.sum for k8s.io/kubernetes and for its staging
	// modules, as the Go checksum database signed them.
	GoSum string `yaml:"goSum"`
}

// Archive is a source tarball.
type Archive struct {
	// Name says where the tarball comes from, for people.
	Name   string `yaml:"name"`
	SHA256 string `yaml:"sha256"`
}

// ErrUnknownVersion is matched by the error that Entry returns for a tag that
// is not in the lock.
var ErrUnknownVersion = errors.New("version is not in the lock")

// UnknownVersionError names the tag, and the tags there are.
type UnknownVersionError struct {
	Version kubever.Version
	Known   []kubever.Version
}

func (e *UnknownVersionError) Error() string {
	known := make([]string, len(e.Known))
	for i, v := range e.Known {
		known[i] = v.String()
	}
	return fmt.Sprintf("%s is not in patches/kubernetes.lock.yaml, which has %s: choose one of these, or add the tag with `go tool mage lock -version=%s`",
		e.Version, strings.Join(known, ", "), e.Version)
}

// Is makes errors.Is(err, ErrUnknownVersion) hold.
func (e *UnknownVersionError) Is(target error) bool { return target == ErrUnknownVersion }

// Read reads the lock at path. Unknown fields are refused, since a misspelt one
// could leave a source unchecked.
func Read(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the lock: %w", err)
	}
	file, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading the lock %s: %w", path, err)
	}
	return file, nil
}

// Parse reads a lock's text.
func Parse(data []byte) (*File, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	var file File
	if err := decoder.Decode(&file); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it is empty")
		}
		return nil, err
	}
	if file.SchemaVersion != schemaVersion {
		return nil, fmt.Errorf("schema version %d is not supported: want %d", file.SchemaVersion, schemaVersion)
	}
	seen := map[kubever.Version]bool{}
	for _, entry := range file.Versions {
		if seen[entry.Version] {
			return nil, fmt.Errorf("%s is listed twice", entry.Version)
		}
		seen[entry.Version] = true
		if err := entry.check(); err != nil {
			return nil, fmt.Errorf("version %s: %w", entry.Version, err)
		}
	}
	return &file, nil
}

func (e Entry) check() error {
	if e.Time.IsZero() {
		return errors.New("time is missing")
	}
	if !strings.HasPrefix(e.Toolchain, "go1.") {
		return fmt.Errorf("toolchain %q is not of the form go1.26.5", e.Toolchain)
	}
	if e.Commit != "" && !isHex(e.Commit, 20) {
		return fmt.Errorf("commit %q is not a full commit ID", e.Commit)
	}
	for _, archive := range e.Archives {
		if !isHex(archive.SHA256, 32) {
			return fmt.Errorf("archive %q: %q is not a SHA-256 digest", archive.Name, archive.SHA256)
		}
	}
	if e.RootSum() == "" {
		return fmt.Errorf("goSum has no line for k8s.io/kubernetes %s", e.Version)
	}
	return nil
}

func isHex(text string, size int) bool {
	decoded, err := hex.DecodeString(text)
	return err == nil && len(decoded) == size && strings.ToLower(text) == text
}

// RootSum is the checksum database's sum ("h1:…") of the root module
// k8s.io/kubernetes at this tag.
func (e Entry) RootSum() string {
	return gosum.Lookup(e.GoSum, "k8s.io/kubernetes", e.Version.String())
}

// Entry returns what the lock knows of a tag, or an error that is
// ErrUnknownVersion.
func (f *File) Entry(v kubever.Version) (Entry, error) {
	for _, entry := range f.Versions {
		if entry.Version == v {
			return entry, nil
		}
	}
	return Entry{}, &UnknownVersionError{Version: v, Known: f.Known()}
}

// Known returns the lock's tags in order.
func (f *File) Known() []kubever.Version {
	known := make([]kubever.Version, len(f.Versions))
	for i, entry := range f.Versions {
		known[i] = entry.Version
	}
	slices.SortFunc(known, kubever.Version.Compare)
	return known
}

// Newest returns the newest tag that can be built.
func (f *File) Newest() (kubever.Version, error) {
	for _, v := range slices.Backward(f.Known()) {
		if entry, err := f.Entry(v); err == nil && !entry.RootOnly {
			return v, nil
		}
	}
	return kubever.Version{}, errors.New("the lock has no version that can be built")
}

// NewestToolchain returns the newest Go toolchain that a tag is built with, "go1.26.10".
func (f *File) NewestToolchain() string {
	var newest string
	for _, entry := range f.Versions {
		if version.Compare(entry.Toolchain, newest) > 0 {
			newest = entry.Toolchain
		}
	}
	return newest
}

// Put adds an entry, or replaces the one of the same tag.
func (f *File) Put(entry Entry) {
	f.Versions = slices.DeleteFunc(f.Versions, func(e Entry) bool { return e.Version == entry.Version })
	f.Versions = append(f.Versions, entry)
	slices.SortFunc(f.Versions, func(a, b Entry) int { return a.Version.Compare(b.Version) })
}

// Write stores the lock at path, whole or not at all. Comments are not kept.
func (f *File) Write(path string) error {
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(f); err != nil {
		return fmt.Errorf("writing the lock: %w", err)
	}
	if _, err := Parse(text.Bytes()); err != nil {
		return fmt.Errorf("writing the lock: %w", err)
	}
	if err := renameio.WriteFile(path, text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the lock: %w", err)
	}
	return nil
}
