package certs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/steadylet/steadylet/internal/kubeconfig"
	"github.com/steadylet/steadylet/internal/readfile"
)

// errNoFolder means that a folder which a person has named is missing.
var errNoFolder = errors.New("there is no such folder")

// maxFolders bounds how many folders of certificates are read: a link may lead to anything.
const maxFolders = 1000

// enter looks at one of the places. Where it can't be entered that is noted, unless the
// folder is missing and nobody has named it, and nil is returned.
func (g *gatherer) enter(folder string) fs.FileInfo {
	if folder == "" {
		return nil
	}
	info, err := readfile.Stat(folder)
	missing := errors.Is(err, fs.ErrNotExist) && !errors.Is(err, readfile.ErrDeadLink)
	if missing && slices.Contains(g.places.Named, folder) {
		missing, err = false, errNoFolder
	}
	if err == nil {
		return info
	}
	if !missing {
		g.unread(folder, "", err)
	}
	return nil
}

// list returns the names in a folder, sorted.
func (g *gatherer) list(folder, name string) []string {
	entries, err := os.ReadDir(folder)
	if err != nil {
		g.unread(folder, name, err)
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names
}

// unread notes a file or folder that can't be read. One that kubeadm does not make is
// foreign; name is what it is called below PKIDir, or empty.
func (g *gatherer) unread(path, name string, err error) {
	_, known := signers[strings.TrimSuffix(name, ".crt")]
	source := Source{Name: name, Path: path, Err: err, Foreign: !known && name != "" && name != "etcd"}
	if name == "" {
		source.Name = filepath.Base(path)
	}
	g.found = append(g.found, source)
}

// pki reads every certificate below a folder of kubeadm. name is what the folder is called
// below PKIDir. chain has that folder, and those that led to it: a link back to one of these
// is not followed, since what is in it is being read.
func (g *gatherer) pki(folder, name string, chain []fs.FileInfo) {
	if g.folders++; g.folders > maxFolders {
		if g.folders == maxFolders+1 {
			g.unread(folder, name, fmt.Errorf("more than %d folders were read before this one: is there a link that leads too far?", maxFolders))
		}
		return
	}
	for _, base := range g.list(folder, name) {
		file, name := filepath.Join(folder, base), path.Join(name, base)
		info, err := readfile.Stat(file)
		switch {
		case filepath.Ext(base) == ".crt":
			g.certificate(file, strings.TrimSuffix(name, ".crt"))
		case err == nil && info.IsDir():
			if !slices.ContainsFunc(chain, func(one fs.FileInfo) bool { return os.SameFile(one, info) }) {
				g.pki(file, name, append(chain, info))
			}
		case err != nil && filepath.Ext(base) != ".key" && filepath.Ext(base) != ".pub":
			g.unread(file, name, err) // a folder once, maybe; a key is read with its certificate
		}
	}
}

// certificate reads a file of kubeadm, and its key.
func (g *gatherer) certificate(file, name string) {
	signer, known := signers[name]
	if !known {
		signer = "ca"
	}
	key := kubeconfig.Material{Path: strings.TrimSuffix(file, ".crt") + ".key"}
	g.add(Source{Name: name, Path: file, Authority: signer, Foreign: !known}, kubeconfig.Material{Path: file}, key)
}

// withoutLinks returns where a path leads, or the path itself where that can't be told.
func withoutLinks(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}
