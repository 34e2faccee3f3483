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

const (
	shareFolder    = "/usr/share/steadylet"
	documentFolder = "/usr/share/doc/kubelet"
)

// contents lists what a node gets. staged is the folder with what this release
// generated.
func (c Config) contents(in input, staged string) ([]content, error) {
	at := func(name string) string { return filepath.Join(staged, name) }
	list := []content{
		{source: in.Path, mode: 0o755, inArchive: "kubelet", installed: "/usr/bin/kubelet"},
		{source: in.NodeCommand, mode: 0o755, inArchive: "steadylet", installed: "/usr/bin/steadylet"},
		{source: at(manifestName), mode: 0o644, inArchive: manifestName, installed: shareFolder + "/" + manifestName},
		{source: at(sbomName), mode: 0o644, inArchive: sbomName, installed: shareFolder + "/" + sbomName},
		{source: at(notesName), mode: 0o644, inArchive: notesName, installed: documentFolder + "/" + notesName},
	}
	for _, name := range []string{"LICENSE", "NOTICE"} {
		list = append(list, content{source: filepath.Join(c.Root, name), mode: 0o644, inArchive: name, installed: documentFolder + "/" + name})
	}
	scripts, err := findScripts(filepath.Join(c.Root, "scripts"))
	if err != nil {
		return nil, err
	}
	for _, script := range scripts {
		installed := shareFolder + "/scripts/" + script.name
		list = append(list, content{
			// Beside the node command, where the scripts look for it.
			source: filepath.Join(c.Root, "scripts", script.name), mode: script.mode(), inArchive: script.name, installed: installed,
		})
		if script.command {
			list = append(list, content{link: installed, installed: "/usr/sbin/" + script.name})
		}
	}
	list = append(list, unitFiles(at)...)
	return list, checkSources(list)
}

// unitFiles are systemd's, and those that the Kubernetes project's own packages have
// too: what a new version of a package leaves out, the package manager removes.
func unitFiles(at func(name string) string) []content {
	const unit, dropIn = "/usr/lib/systemd/system/kubelet.service", "20-steadylet.conf"
	return []content{
		{source: at("kubelet.service"), mode: 0o644, inArchive: "systemd/kubelet.service", installed: unit},
		{source: at(dropIn), mode: 0o644, inArchive: "systemd/kubelet.service.d/" + dropIn, installed: unit + ".d/" + dropIn},
		{source: at("environment"), mode: 0o644, inArchive: "systemd/environment", installed: "/etc/steadylet/environment", config: true},
		{source: at("kubelet.env"), mode: 0o644, installed: "/etc/default/kubelet", config: true, only: deb},
		{source: at("kubelet.env"), mode: 0o644, installed: "/etc/sysconfig/kubelet", config: true, only: rpm},
		{folder: true, mode: 0o755, installed: "/var/lib/kubelet"},
		{folder: true, mode: 0o755, installed: "/etc/kubernetes"},
		{folder: true, mode: 0o755, installed: "/etc/kubernetes/manifests"},
	}
}

// checkSources refuses what can't be packaged before anything is: a file that isn't
// there, a link, which would bring in whatever it points to, and two of one name.
func checkSources(list []content) error {
	inArchive := map[string]bool{}
	for _, file := range list {
		if file.inArchive != "" && inArchive[file.inArchive] {
			return fmt.Errorf("a release has two files %s: name the one of %s otherwise", file.inArchive, file.source)
		}
		inArchive[file.inArchive] = true
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
func archived(list []content) []ArchiveEntry {
	var entries []ArchiveEntry
	for _, file := range list {
		if file.inArchive != "" {
			entries = append(entries, ArchiveEntry{Name: file.inArchive, Source: file.source, Mode: file.mode})
		}
	}
	slices.SortFunc(entries, func(a, b ArchiveEntry) int { return cmp.Compare(a.Name, b.Name) })
	return entries
}
