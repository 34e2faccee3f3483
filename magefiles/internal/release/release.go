package release

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/manifest"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
)

// Kubelet is a finished build, and the node command for its architecture.
type Kubelet struct {
	// Path is the binary. Beside it lie its manifest and its debug symbols.
	Path string
	// NodeCommand is the path of cmd/steadylet, as BuildNodeCommand makes it.
	NodeCommand string
}

func (k Kubelet) debugPath() string { return k.Path + ".debug" }

// Repository says which sources of steadylet a release is made from.
type Repository struct {
	// Commit is the ID of the commit that is checked out; empty outside a repository.
	Commit string
	// Dirty says that there are changes which no commit has.
	Dirty bool
}

// Config says what is released.
type Config struct {
	// Root is the repository's folder.
	Root string
	// Series is the name of the series' folder in patches/.
	Series string
	// Kubelets are of one version, one for each architecture.
	Kubelets   []Kubelet
	Repository Repository
	// Date becomes every date in the release: the time of the tag's commit.
	Date time.Time
	// Revision counts the releases of one tag, from 1.
	Revision int
	// Signer signs the sums; without one there is no signature.
	Signer *Signer
	// Work is an empty folder for unfinished work, on the file system of Target.
	Work string
	// Target is where the release goes. What is there already is replaced.
	Target   string
	Progress *progress.Reporter
}

// Release is a finished one.
type Release struct {
	// Dir is absolute; Files lie there, in their order in the sums, the sums and
	// their signature last.
	Dir      string
	Versions Versions
	Files    []manifest.File
	// Warnings say what somebody who uses the release should know.
	Warnings []string
}

// Names of what is in a release.
const (
	manifestName   = "kubelet.manifest.json"
	sbomName       = "kubelet.cdx.json"
	notesName      = "RELEASE.md"
	provenanceName = "provenance.intoto.json"
	sumsName       = "SHA256SUMS"
	signatureName  = sumsName + ".sig"
)

const homepage = "https://github.com/steadylet/steadylet"

// Make checks the kubelets, packs them and moves the release to its place. The error
// is ErrUnfit for a kubelet that must not be released. When it fails, or the process
// ends, an earlier release is still there.
func Make(ctx context.Context, c Config) (*Release, error) {
	m, err := c.prepare()
	if err != nil {
		return nil, err
	}
	step := c.Progress.Step("package", progress.Files)
	defer step.Abort()
	if err := m.pack(ctx, step); err != nil {
		return nil, err
	}
	if err := errors.Join(m.papers(), ctx.Err()); err != nil {
		return nil, err
	}
	if err := publish(m.out(), c.Target, filepath.Join(c.Work, "old")); err != nil {
		return nil, fmt.Errorf("moving the release to %s: %w", c.Target, err)
	}
	step.Done(fmt.Sprintf("%d files", len(m.files)))
	return &Release{Dir: c.Target, Versions: m.versions, Files: m.files, Warnings: m.warnings()}, nil
}

// maker is a release in the making.
type maker struct {
	Config
	inputs   []input
	patches  []patch
	versions Versions
	files    []manifest.File
}

func (c Config) prepare() (*maker, error) {
	m := &maker{Config: c}
	for _, kubelet := range c.Kubelets {
		in, err := kubelet.read()
		if err != nil {
			return nil, fmt.Errorf("checking what is released: %w", err)
		}
		m.inputs = append(m.inputs, in)
	}
	if len(m.inputs) == 0 {
		return nil, errors.New("a release needs a kubelet: give at least one architecture")
	}
	first := m.inputs[0].manifest
	for _, in := range m.inputs[1:] {
		if in.manifest.Version != first.Version || in.manifest.Series.Commit != first.Series.Commit {
			return nil, fmt.Errorf("%s is made from another tree than %s: build both again", in.Path, m.inputs[0].Path)
		}
	}
	var err error
	if m.versions, err = NewVersions(first.Version, c.Revision); err != nil {
		return nil, err
	}
	if m.patches, err = readPatches(filepath.Join(c.Root, "patches", c.Series), first.Series.Patches); err != nil {
		return nil, err
	}
	return m, os.Mkdir(m.out(), 0o755)
}

func (m *maker) out() string { return filepath.Join(m.Work, "release") }

// add counts a file of the release in.
func (m *maker) add(name string) error {
	file, err := describe(filepath.Join(m.out(), name))
	m.files = append(m.files, file)
	return err
}

// papers writes what is about the whole release: notes, provenance, sums, signature.
func (m *maker) papers() error {
	notes, err := m.notes()
	if err != nil {
		return fmt.Errorf("writing %s: %w", notesName, err)
	}
	if err := m.write(notesName, notes); err != nil {
		return err
	}
	provenance, err := m.provenance(runtime.Version())
	if err != nil {
		return fmt.Errorf("writing the provenance: %w", err)
	}
	if err := m.write(provenanceName, provenance); err != nil {
		return err
	}
	sums := sums(m.files)
	if err := m.write(sumsName, sums); err != nil || m.Signer == nil {
		return err
	}
	signature, err := m.Signer.Sign(sums)
	if err != nil {
		return err
	}
	return m.write(signatureName, signature)
}

func (m *maker) write(name string, data []byte) error {
	if err := os.WriteFile(filepath.Join(m.out(), name), data, 0o644); err != nil {
		return err
	}
	return m.add(name)
}

func (m *maker) warnings() []string {
	warnings := slices.Clone(m.inputs[0].manifest.Base.Source.Warnings)
	if m.Signer == nil {
		warnings = append(warnings, "nothing is signed: give a key with -key, or sign "+sumsName+" as "+notesName+" says")
	}
	if m.Repository.Commit == "" {
		warnings = append(warnings, "this is no git checkout: the provenance does not say which commit of steadylet the release was made from")
	}
	if m.Repository.Dirty {
		warnings = append(warnings, "the checkout has changes that no commit has: nobody else can make this release again, and the provenance says so")
	}
	return warnings
}
