package release

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// packaging has the files that are the same in every release.
//
//go:embed packaging
var packaging embed.FS

// nodeScripts are the scripts of scripts/ that belong on a node.
var nodeScripts = [...]string{"upgrade-kubelet", "rollback-kubelet", "generate-state.sh"}

// content is one file of a release, and where it goes.
type content struct {
	source string
	mode   fs.FileMode
	// inArchive is its path in the archive, installed its absolute path on a node;
	// either may be empty. A folder has only the latter, and no source.
	inArchive, installed string
	// config marks a file that belongs to the node's administrator once it is there.
	config bool
	// only limits it to one package format; empty means both.
	only format
	// folder and link are for what is no file; a link points to installed paths.
	folder bool
	link   string
}

const shareFolder = "/usr/share/steadylet"

// contents lists what a node gets. staged is the folder with what this release
// generated.
func (c Config) contents(in input, staged string) ([]content, error) {
	list := []content{
		{source: in.Path, mode: 0o755, inArchive: "kubelet", installed: "/usr/bin/kubelet"},
		{source: in.NodeCommand, mode: 0o755, inArchive: "steadylet", installed: "/usr/bin/steadylet"},
		{source: filepath.Join(staged, manifestName), mode: 0o644, inArchive: manifestName, installed: shareFolder + "/" + manifestName},
		{source: filepath.Join(staged, sbomName), mode: 0o644, inArchive: sbomName, installed: shareFolder + "/" + sbomName},
	}
	for _, name := range nodeScripts {
		list = append(list, content{
			source: filepath.Join(c.Root, "scripts", name), mode: 0o755,
			inArchive: "scripts/" + name, installed: shareFolder + "/scripts/" + name,
		})
	}
	unit, conf := "/usr/lib/systemd/system/kubelet.service", "20-steadylet.conf"
	list = append(list,
		content{source: filepath.Join(staged, conf), mode: 0o644, inArchive: "systemd/kubelet.service.d/" + conf, installed: unit + ".d/" + conf},
		content{source: filepath.Join(staged, "kubelet.service"), mode: 0o644, inArchive: "systemd/kubelet.service", installed: unit},
		content{source: filepath.Join(staged, "environment"), mode: 0o644, inArchive: "systemd/environment", installed: "/etc/steadylet/environment", config: true},
		// The files and folders of the Kubernetes project's own packages: what a new
		// version leaves out, the package manager removes.
		content{source: filepath.Join(staged, "kubelet.env"), mode: 0o644, installed: "/etc/default/kubelet", config: true, only: deb},
		content{source: filepath.Join(staged, "kubelet.env"), mode: 0o644, installed: "/etc/sysconfig/kubelet", config: true, only: rpm},
		content{folder: true, mode: 0o755, installed: "/var/lib/kubelet"},
		content{folder: true, mode: 0o755, installed: "/etc/kubernetes"},
		content{folder: true, mode: 0o755, installed: "/etc/kubernetes/manifests"},
	)
	for _, name := range []string{"upgrade-kubelet", "rollback-kubelet"} {
		list = append(list, content{link: shareFolder + "/scripts/" + name, installed: "/usr/sbin/" + name})
	}
	for _, name := range []string{"LICENSE", "NOTICE"} {
		list = append(list, content{source: filepath.Join(c.Root, name), mode: 0o644, inArchive: name, installed: "/usr/share/doc/kubelet/" + name})
	}
	list = append(list, content{source: filepath.Join(staged, notesName), mode: 0o644, inArchive: notesName, installed: "/usr/share/doc/kubelet/" + notesName})
	return list, checkSources(list)
}

// checkSources refuses what can't be packaged before anything is: a file that isn't
// there, and a link, which would bring in whatever it points to.
func checkSources(list []content) error {
	for _, file := range list {
		if file.source == "" {
			continue
		}
		info, err := os.Lstat(file.source)
		if err != nil {
			return fmt.Errorf("a release needs this file: %w", err)
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("a release needs this file: %s is not a regular file", file.source)
		}
	}
	return nil
}

// stage writes the files that are the same in every release to a folder.
func stage(folder string) error {
	files, err := fs.Sub(packaging, "packaging")
	if err != nil {
		return err
	}
	return os.CopyFS(folder, files)
}

// archived returns what goes into the archive.
func archived(list []content) []archiveEntry {
	var entries []archiveEntry
	for _, file := range list {
		if file.inArchive != "" {
			entries = append(entries, archiveEntry{name: file.inArchive, source: file.source, mode: file.mode})
		}
	}
	slices.SortFunc(entries, func(a, b archiveEntry) int { return cmp.Compare(a.name, b.name) })
	return entries
}
