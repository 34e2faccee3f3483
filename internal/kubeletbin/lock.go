package kubeletbin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/semver"

	"github.com/steadylet/steadylet/internal/readfile"
)

// Lock is what a checkout of the project says of Kubernetes' releases and of the
// patches for them. (The whole of both files is what magefiles/internal/lock and
// magefiles/internal/series read.)
type Lock struct {
	releases []lockedRelease
	patches  []lockedPatch
}

type lockedRelease struct {
	Version   string `yaml:"version"`
	Toolchain string `yaml:"toolchain"`
	Commit    string `yaml:"commit"`
	Archives  []struct {
		SHA256 string `yaml:"sha256"`
	} `yaml:"archives"`
	GoSum string `yaml:"goSum"`
}

// lockedPatch is a patch of the series, for a range of versions. Of those of one slot,
// each version has one.
type lockedPatch struct {
	File     string `yaml:"file"`
	Slot     string `yaml:"slot"`
	Versions string `yaml:"versions"`
	digest   string
}

// maxLockSize bounds the lock, the list of a series and a patch, in bytes.
const maxLockSize = 8 << 20

// ReadLock reads the lock at path and the series in a folder.
func ReadLock(path, series string) (*Lock, error) {
	var lock Lock
	var releases struct{ Versions []lockedRelease }
	if err := readYAML(path, &releases); err != nil {
		return nil, fmt.Errorf("the lock: %w", err)
	}
	if len(releases.Versions) == 0 {
		return nil, fmt.Errorf("the lock: %s names no version", path)
	}
	lock.releases = releases.Versions
	var list struct{ Patches []lockedPatch }
	if err := readYAML(filepath.Join(series, "series.yaml"), &list); err != nil {
		return nil, fmt.Errorf("the series: %w", err)
	}
	for _, patch := range list.Patches {
		if patch.File != filepath.Base(patch.File) {
			return nil, fmt.Errorf("the series: %q is not in its folder", patch.File)
		}
		data, err := readfile.Read(filepath.Join(series, patch.File), maxLockSize)
		if err != nil {
			return nil, fmt.Errorf("the series: %w", err)
		}
		digest := sha256.Sum256(data)
		patch.digest = hex.EncodeToString(digest[:])
		lock.patches = append(lock.patches, patch)
	}
	return &lock, nil
}

func readYAML(path string, into any) error {
	data, err := readfile.Read(path, maxLockSize)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

// Compare lists what a manifest says that the lock or the series does not. A stock
// kubelet has no patches, which is for the caller to judge.
func (l *Lock) Compare(m *Manifest) []string {
	var differences []string
	i := slices.IndexFunc(l.releases, func(r lockedRelease) bool { return r.Version == m.Base.Tag })
	if i < 0 {
		return []string{fmt.Sprintf("the release %s is not in the lock", m.Base.Tag)}
	}
	differences = append(differences, l.releases[i].compare(m)...)
	if len(m.Series.Patches) > 0 {
		differences = append(differences, l.comparePatches(m)...)
	}
	return differences
}

// compare holds the source against what vouches for it.
func (r lockedRelease) compare(m *Manifest) []string {
	var differences []string
	source := m.Base.Source
	if !source.Verified {
		differences = append(differences, "the source was not verified when it was built")
	}
	if m.Build.Toolchain != r.Toolchain {
		differences = append(differences, fmt.Sprintf("the toolchain is %s, the lock has %s", m.Build.Toolchain, r.Toolchain))
	}
	if source.RootSum != "" && !strings.Contains("\n"+r.GoSum, "\nk8s.io/kubernetes "+r.Version+" "+source.RootSum+"\n") {
		differences = append(differences, fmt.Sprintf("the sum of the root module is %s, the lock has another", source.RootSum))
	}
	known := func() bool {
		for _, archive := range r.Archives {
			if archive.SHA256 == source.SHA256 {
				return true
			}
		}
		return false
	}
	if source.SHA256 != "" && !known() {
		differences = append(differences, fmt.Sprintf("the archive %s is not in the lock", source.SHA256))
	}
	if source.RootSum == "" && source.Commit != r.Commit {
		differences = append(differences, fmt.Sprintf("the commit is %q, the lock has %q", source.Commit, r.Commit))
	}
	return differences
}

// comparePatches holds the patches against those that the series has for the release,
// in their order, and the digest of them all, which the version ends with.
func (l *Lock) comparePatches(m *Manifest) []string {
	var want, got []string
	for _, patch := range l.patches {
		if inRange(m.Base.Tag, patch.Versions) {
			want = append(want, patch.File+" "+patch.digest)
		}
	}
	hash := sha256.New()
	for _, patch := range m.Series.Patches {
		got = append(got, patch.File+" "+patch.Digest)
		fmt.Fprintf(hash, "patch %q %s\n", patch.File, patch.Digest)
	}
	fmt.Fprintf(hash, "extra %q\n", m.Series.Library)
	var differences []string
	for _, patch := range got {
		if !slices.Contains(want, patch) {
			differences = append(differences, "the patch "+patch+" is not one of the series for "+m.Base.Tag)
		}
	}
	for _, patch := range want {
		if !slices.Contains(got, patch) {
			differences = append(differences, "the patch "+patch+" is missing")
		}
	}
	if len(differences) == 0 && !slices.Equal(got, want) {
		differences = append(differences, "the patches are in another order")
	}
	digest := hex.EncodeToString(hash.Sum(nil))
	if m.Series.Digest != digest || m.Version != m.Base.Tag+"+steadylet."+digest[:8] {
		differences = append(differences, fmt.Sprintf("the series digest %s or the version %s is not that of these patches, %s", m.Series.Digest, m.Version, digest))
	}
	return differences
}

// inRange reports whether a version fulfils comparisons like ">=1.25.0 <1.31.0".
func inRange(version, comparisons string) bool {
	for field := range strings.FieldsSeq(comparisons) {
		number := strings.TrimLeft(field, "<>=")
		order := semver.Compare(version, "v"+number)
		holds := map[string]bool{">=": order >= 0, "<=": order <= 0, ">": order > 0, "<": order < 0, "=": order == 0}
		if !semver.IsValid("v"+number) || !holds[strings.TrimSuffix(field, number)] {
			return false
		}
	}
	return comparisons != ""
}
