package series

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/steadylet/steadylet/magefiles/internal/hookcheck"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// IndexFile is the name of the file that gives a series its order.
const IndexFile = "series.yaml"

// Series is a loaded patch series.
type Series struct {
	Name    string
	Summary string
	// Components are the binaries that the series changes, such as "kubelet".
	Components []string
	// Entries are in the order in which they are applied.
	Entries []Entry
	// Assertions say what must be found in the patched sources.
	Assertions []hookcheck.Assertion
}

// Entry is one patch with the versions it is made for.
type Entry struct {
	// Slot names the entry's place in the order. Entries that share a slot are
	// variants of one patch for different versions, and follow each other.
	Slot     string
	Versions kubever.Range
	// Why is the reason that the patch exists.
	Why   string
	Patch *Patch
}

type index struct {
	Name       string                `yaml:"name"`
	Summary    string                `yaml:"summary"`
	Components []string              `yaml:"components"`
	Patches    []indexEntry          `yaml:"patches"`
	Assertions []hookcheck.Assertion `yaml:"assertions"`
}

type indexEntry struct {
	File     string        `yaml:"file"`
	Slot     string        `yaml:"slot"`
	Versions kubever.Range `yaml:"versions"`
	Why      string        `yaml:"why"`
}

// Load reads dir/series.yaml and every patch that it lists. Unknown fields,
// listed patches that are not there and patches that are not listed are
// refused. All that is wrong with the patches is reported together; each such
// error is a *PatchError.
func Load(fsys fs.FS, dir string) (*Series, error) {
	name := path.Join(dir, IndexFile)
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("reading patch series %s: %w", dir, err)
	}
	parsed, err := parseIndex(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if err := checkListed(fsys, dir, parsed.Patches); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	s := &Series{Name: parsed.Name, Summary: parsed.Summary, Components: parsed.Components, Assertions: parsed.Assertions}
	patches, err := loadPatches(fsys, dir, parsed.Patches)
	if err != nil {
		return nil, fmt.Errorf("reading patch series %s: %w", dir, err)
	}
	for i, e := range parsed.Patches {
		s.Entries = append(s.Entries, Entry{Slot: e.slot(), Versions: e.Versions, Why: e.Why, Patch: patches[i]})
	}
	return s, nil
}

// loadPatches reads the patches at the same time. The error is about all that can't be
// read, in their order.
func loadPatches(fsys fs.FS, dir string, entries []indexEntry) ([]*Patch, error) {
	patches, problems := make([]*Patch, len(entries)), make([]error, len(entries))
	for i, e := range entries {
		patches[i], problems[i] = loadPatch(fsys, dir, e.File)
	}
	return patches, errors.Join(problems...)
}

func loadPatch(fsys fs.FS, dir, file string) (*Patch, error) {
	data, err := fs.ReadFile(fsys, path.Join(dir, file))
	if err != nil {
		return nil, err
	}
	return parsePatch(file, data)
}

func (e indexEntry) slot() string {
	if e.Slot != "" {
		return e.Slot
	}
	return e.File
}

// parseIndex reads series.yaml strictly: one document, no unknown fields.
func parseIndex(data []byte) (*index, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	var parsed index
	if err := decoder.Decode(&parsed); errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(new(index)); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one document")
	}
	if err := parsed.check(); err != nil {
		return nil, err
	}
	return &parsed, nil
}

func (parsed *index) check() error {
	switch {
	case parsed.Name == "":
		return errors.New("name is missing")
	case parsed.Summary == "":
		return errors.New("summary is missing")
	case len(parsed.Components) == 0:
		return errors.New("components is missing (want for example [kubelet])")
	case len(parsed.Patches) == 0:
		return errors.New("patches is missing")
	}
	if err := checkEntries(parsed.Patches); err != nil {
		return err
	}
	for i, assertion := range parsed.Assertions {
		if err := assertion.Validate(); err != nil {
			return fmt.Errorf("assertion %d: %w", i+1, err)
		}
	}
	return nil
}

func checkEntries(entries []indexEntry) error {
	files, slots := map[string]bool{}, map[string]bool{}
	previous := ""
	for i, e := range entries {
		slot := e.slot()
		switch {
		case e.File == "":
			return fmt.Errorf("patch %d: file is missing", i+1)
		case e.File != path.Base(e.File) || !strings.HasSuffix(e.File, ".patch"):
			return fmt.Errorf("patch %d: %q is not the name of a .patch file in the series' own folder", i+1, e.File)
		case files[e.File]:
			return fmt.Errorf("%s is listed twice", e.File)
		case e.Versions.String() == "":
			return fmt.Errorf("%s: versions is missing (want for example \">=1.30.0 <1.38.0\")", e.File)
		case e.Why == "":
			return fmt.Errorf("%s: why is missing", e.File)
		case slots[slot] && slot != previous:
			return fmt.Errorf("%s: the variants of slot %q do not follow each other", e.File, slot)
		}
		files[e.File], slots[slot], previous = true, true, slot
	}
	return nil
}

// checkListed compares the listed patches with the ones in the folder.
func checkListed(fsys fs.FS, dir string, entries []indexEntry) error {
	found, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return err
	}
	listed := map[string]bool{}
	for _, e := range entries {
		listed[e.File] = true
	}
	for _, file := range found {
		if strings.HasSuffix(file.Name(), ".patch") && !listed[file.Name()] {
			return fmt.Errorf("%s is in the folder but not listed: list it or remove it", file.Name())
		}
		delete(listed, file.Name())
	}
	for _, e := range entries {
		if listed[e.File] {
			return fmt.Errorf("%s is listed but not in the folder: %w", e.File, fs.ErrNotExist)
		}
	}
	return nil
}

// Digest returns a SHA-256 in hexadecimal over the names and digests of patches
// in their order, and over the extra texts in theirs. Equal digests mean that
// the same patches are applied in the same order.
func Digest(patches []*Patch, extra ...string) string {
	hash := sha256.New()
	for _, p := range patches {
		fmt.Fprintf(hash, "patch %q %s\n", p.File, p.Digest)
	}
	for _, text := range extra {
		fmt.Fprintf(hash, "extra %q\n", text)
	}
	return hex.EncodeToString(hash.Sum(nil))
}
