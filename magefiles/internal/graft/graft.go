// Package graft places the state file library, and the one module it depends
// on, into a Kubernetes tree.
//
// The library lies in this repository as statefile/ and becomes
// k8s.io/kubernetes/pkg/kubelet/steadylet/statefile, with renameio next to it
// as an internal package. So the tree needs no new module, and its go.mod and
// go.sum stay as they are. Files are copied byte for byte, except for import
// paths.
//
// Nothing in this package writes to disk. All functions are safe for concurrent
// use.
package graft

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/layout"
)

// Folder is where the grafted files lie, in the upstream layout. The package of
// that folder itself is added by the patch series, not by this package.
const Folder = "pkg/kubelet/steadylet"

const (
	statefileFolder = Folder + "/statefile"
	renameioFolder  = Folder + "/internal/renameio"

	kubernetesModule = "k8s.io/kubernetes"
	statefilePath    = "github.com/steadylet/steadylet/statefile"
	renameioPath     = "github.com/google/renameio"
	klogPath         = "k8s.io/klog/v2"
)

// Change is one file to add to a tree.
type Change struct {
	// Path is a slash path in the tree's layout, relative to its root.
	Path string
	Data []byte
}

// Plan is everything that is added to a tree.
type Plan struct {
	// Changes are sorted by path.
	Changes []Change
	// Packages are the import paths that the changes add, sorted.
	Packages []string
	// Digest is a SHA-256 in hexadecimal over the content of the changes and
	// their paths in the upstream layout: it is the same for every layout.
	Digest string
}

// NewPlan computes what has to be added to a tree of the layout in. statefile is
// the folder statefile/ of this repository, renameio the root folder of that
// module.
//
// Tests and files that are never built on Linux are left out. An import that the
// tree may not have gives a *WallError; there is no plan then.
func NewPlan(statefile, renameio fs.FS, in layout.Layout) (*Plan, error) {
	library, err := collect(statefile, statefileFolder, true)
	if err != nil {
		return nil, fmt.Errorf("reading the state file library: %w", err)
	}
	dependency, err := collect(renameio, renameioFolder, false)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", renameioPath, err)
	}
	license, err := fs.ReadFile(renameio, "LICENSE")
	if err != nil {
		return nil, fmt.Errorf("reading the licence that %s is copied under: %w", renameioPath, err)
	}
	files := slices.Concat(library, dependency, []Change{{Path: renameioFolder + "/LICENSE", Data: license}})
	slices.SortFunc(files, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	plan := &Plan{Packages: packages(files), Digest: digest(files)}
	for _, file := range files {
		plan.Changes = append(plan.Changes, Change{Path: in.Path(file.Path), Data: file.Data})
	}
	return plan, nil
}

// packages returns the import paths of the folders that hold Go files.
func packages(files []Change) []string {
	var paths []string
	for _, file := range files {
		if path.Ext(file.Path) == ".go" {
			paths = append(paths, kubernetesModule+"/"+path.Dir(file.Path))
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// digest hashes each file's path, length and content, so that no two different
// lists of files are hashed as the same bytes.
func digest(files []Change) string {
	sum := sha256.New()
	for _, file := range files {
		fmt.Fprintf(sum, "%q %d\n", file.Path, len(file.Data))
		sum.Write(file.Data)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
