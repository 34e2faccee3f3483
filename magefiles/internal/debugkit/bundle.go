package debugkit

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/release"
)

// Bundle is what goes to a node to debug its kubelet there, apart from the scripts.
type Bundle struct {
	// Kubelet is a debug build, with its manifest beside it as NAME.manifest.json; Delve and
	// NodeCommand are for the same architecture.
	Kubelet, Delve, NodeCommand string
	// Scripts is the repository's folder of scripts; IDE the folder that IDE.Write filled.
	Scripts, IDE string
	// Date is what every file gets.
	Date time.Time
}

// bundled are the files of Scripts that debug-kubelet is made of.
var bundled = []struct {
	name string
	mode fs.FileMode
}{
	{"debug-kubelet", 0o755}, {"debug-session.bash", 0o644}, {"debug-unit.bash", 0o644},
	{"common.bash", 0o644}, {"kubelet-service.bash", 0o644},
	{"breakpoints/restart.dlv", 0o644}, {"breakpoints/startup.dlv", 0o644}, {"breakpoints/sync.dlv", 0o644},
}

// sums is the list of digests in a bundle, as sha256sum -c reads it.
const sums = "SHA256SUMS"

// Write packs the bundle as a tar.gz at out, whole or not at all. All of it lies in one
// folder, and the scripts work from there. Its bytes are a function of the files and Date.
func (b Bundle) Write(out string) (err error) {
	entries, err := b.entries()
	if err != nil {
		return fmt.Errorf("packing the debug kit: %w", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(out), ".debug-kit-")
	if err != nil {
		return fmt.Errorf("packing the debug kit: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	list := filepath.Join(work, sums)
	if err := writeSums(list, entries); err != nil {
		return fmt.Errorf("packing the debug kit: %w", err)
	}
	entries = append(entries, release.ArchiveEntry{Name: sums, Source: list, Mode: 0o644})
	packed, top := filepath.Join(work, "packed"), strings.TrimSuffix(filepath.Base(out), ".tar.gz")
	if err := release.WriteArchive(packed, top, entries, b.Date); err != nil {
		return fmt.Errorf("packing the debug kit: %w", err)
	}
	if err := os.Rename(packed, out); err != nil {
		return fmt.Errorf("packing the debug kit: %w", err)
	}
	return nil
}

// entries lists the files by their names in the bundle.
func (b Bundle) entries() ([]release.ArchiveEntry, error) {
	entries := []release.ArchiveEntry{
		{Name: "kubelet", Source: b.Kubelet, Mode: 0o755}, {Name: "kubelet.manifest.json", Source: b.Kubelet + ".manifest.json", Mode: 0o644},
		{Name: "dlv", Source: b.Delve, Mode: 0o755}, {Name: "steadylet", Source: b.NodeCommand, Mode: 0o755},
	}
	for _, script := range bundled {
		entries = append(entries, release.ArchiveEntry{Name: script.name, Source: filepath.Join(b.Scripts, script.name), Mode: script.mode})
	}
	configurations, err := os.ReadDir(b.IDE)
	if err != nil {
		return nil, err
	}
	for _, file := range configurations {
		entries = append(entries, release.ArchiveEntry{Name: "ide/" + file.Name(), Source: filepath.Join(b.IDE, file.Name()), Mode: 0o644})
	}
	slices.SortFunc(entries, func(a, b release.ArchiveEntry) int { return strings.Compare(a.Name, b.Name) })
	return entries, nil
}

func writeSums(path string, entries []release.ArchiveEntry) error {
	var list bytes.Buffer
	for _, entry := range entries {
		digest, _, err := build.Digest(entry.Source)
		if err != nil {
			return err
		}
		fmt.Fprintf(&list, "%s  %s\n", digest, entry.Name)
	}
	return os.WriteFile(path, list.Bytes(), 0o600)
}
