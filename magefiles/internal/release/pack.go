package release

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/steadylet/steadylet/magefiles/internal/manifest"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
)

// task writes one file of the release.
type task struct {
	name  string
	write func(path string) error
}

// pack writes the files of every architecture, as many at a time as there are
// processors: most of the work is compression.
func (m *maker) pack(ctx context.Context, step *progress.Step) error {
	var tasks []task
	for _, in := range m.inputs {
		more, err := m.tasks(in)
		if err != nil {
			return fmt.Errorf("packaging for %s: %w", in.manifest.Build.Arch, err)
		}
		tasks = append(tasks, more...)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	var written atomic.Int64
	for _, task := range tasks {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := task.write(filepath.Join(m.out(), task.name)); err != nil {
				return fmt.Errorf("packaging %s: %w", task.name, err)
			}
			step.Set(written.Add(1), int64(len(tasks)))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, task := range tasks {
		if err := m.add(task.name); err != nil {
			return err
		}
	}
	return nil
}

// tasks lists what is written for one architecture.
func (m *maker) tasks(in input) ([]task, error) {
	arch := in.manifest.Build.Arch
	staged := filepath.Join(m.Work, "stage-"+arch)
	if err := m.stage(in, staged); err != nil {
		return nil, err
	}
	list, err := m.contents(in, staged)
	if err != nil {
		return nil, err
	}
	base := fmt.Sprintf("kubelet-%s-linux-%s", m.versions.Kubelet, arch)
	return []task{
		{base + ".tar.gz", func(path string) error { return WriteArchive(path, base, archived(list), m.Date) }},
		{fmt.Sprintf("kubelet_%s_%s.deb", m.versions.Package, arch), func(path string) error {
			return writePackage(path, deb, arch, m.versions.Package, list, m.Date)
		}},
		{fmt.Sprintf("kubelet-%s-%s.%s.rpm", m.versions.Package, packageRelease, rpmArchitecture(arch)), func(path string) error {
			return writePackage(path, rpm, arch, m.versions.Package, list, m.Date)
		}},
		{base + ".debug.tar.gz", func(path string) error { return WriteArchive(path, "usr/lib/debug", in.symbols(), m.Date) }},
		{base + ".cdx.json", func(path string) error { return copyFile(path, filepath.Join(staged, sbomName)) }},
	}, nil
}

// rpmArchitecture is rpm's name for one of Go's architectures.
func rpmArchitecture(arch string) string {
	return map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch]
}

// symbols puts the DWARF where debuggers look for it by build ID, below
// /usr/lib/debug.
func (in input) symbols() []ArchiveEntry {
	id := in.manifest.Build.BuildID
	return []ArchiveEntry{{Name: ".build-id/" + id[:2] + "/" + id[2:] + ".debug", Source: in.debugPath(), Mode: 0o644}}
}

// stage writes what is generated for one architecture.
func (m *maker) stage(in input, folder string) error {
	if err := stage(folder); err != nil {
		return err
	}
	if err := manifest.Write(filepath.Join(folder, manifestName), in.manifest); err != nil {
		return err
	}
	bom, err := m.sbom(in)
	if err != nil {
		return fmt.Errorf("writing the bill of materials: %w", err)
	}
	notes, err := m.notes()
	if err != nil {
		return fmt.Errorf("writing %s: %w", notesName, err)
	}
	return errors.Join(
		os.WriteFile(filepath.Join(folder, sbomName), bom, 0o644),
		os.WriteFile(filepath.Join(folder, notesName), notes, 0o644),
	)
}
