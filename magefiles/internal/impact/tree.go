package impact

import (
	"path/filepath"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/layout"
)

// Tree finds the sources of packages.
type Tree interface {
	// Dir returns the folder of the package with that import path, whether it
	// exists or not, and reports whether the tree is about such a package at all.
	Dir(importPath string) (dir string, known bool)
}

// rootModule is the module that the Kubernetes repository is itself.
const rootModule = "k8s.io/kubernetes"

// Worktree is a source tree in one of the layouts.
type Worktree struct {
	Root   string
	Layout layout.Layout
}

// Dir implements Tree.
func (w Worktree) Dir(importPath string) (string, bool) {
	if rest, ok := strings.CutPrefix(importPath, rootModule+"/"); ok {
		return filepath.Join(w.Root, filepath.FromSlash(w.Layout.Path(rest))), true
	}
	if strings.HasPrefix(importPath, "k8s.io/api/") || strings.HasPrefix(importPath, "k8s.io/apimachinery/") {
		return filepath.Join(w.Root, filepath.FromSlash(w.Layout.Path("staging/src/"+importPath))), true
	}
	return "", false
}

// Modules is a set of modules: the folder of each, by its path.
type Modules map[string]string

// Dir implements Tree.
func (m Modules) Dir(importPath string) (string, bool) {
	for module, dir := range m {
		if rest, ok := strings.CutPrefix(importPath, module+"/"); ok {
			return filepath.Join(dir, filepath.FromSlash(rest)), true
		}
	}
	return "", false
}
