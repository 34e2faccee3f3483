// Package layout maps paths of the upstream Kubernetes repository to where they
// lie in a tree. Everything here is pure and safe for concurrent use.
package layout

import (
	"fmt"
	"strings"
)

// Layout is how a tree holds the sources of Kubernetes.
type Layout string

const (
	// Upstream is the layout of the Kubernetes repository itself:
	// pkg/kubelet/…, staging/src/k8s.io/api/….
	Upstream Layout = "upstream"
	// Vendored is the layout of a module that depends on Kubernetes:
	// vendor/k8s.io/kubernetes/pkg/kubelet/…, vendor/k8s.io/api/….
	Vendored Layout = "vendored"
)

// Parse reads a layout's name.
func Parse(name string) (Layout, error) {
	switch layout := Layout(name); layout {
	case Upstream, Vendored:
		return layout, nil
	default:
		return "", fmt.Errorf("layout %q is unknown: want %s or %s", name, Upstream, Vendored)
	}
}

// marker is a file that every Kubernetes release since 1.4 has, by its path in
// the upstream layout.
const marker = "pkg/kubelet/kuberuntime/kuberuntime_manager.go"

// Detect tells the layout of a tree from the files it has. exists is asked for
// paths relative to the tree's root.
func Detect(exists func(path string) bool) (Layout, error) {
	for _, layout := range []Layout{Upstream, Vendored} {
		if exists(layout.Path(marker)) {
			return layout, nil
		}
	}
	return "", fmt.Errorf("it holds no kubelet: neither %s nor %s exists",
		Upstream.Path(marker), Vendored.Path(marker))
}

const (
	stagingPrefix   = "staging/src/"
	vendoredModules = "vendor/"
	vendoredRoot    = "vendor/k8s.io/kubernetes/"
)

// Path returns where the file that the upstream repository has at path lies in
// a tree of this layout. Paths use slashes and are relative to the root.
func (l Layout) Path(path string) string {
	if l != Vendored {
		return path
	}
	if rest, ok := strings.CutPrefix(path, stagingPrefix); ok {
		return vendoredModules + rest
	}
	if strings.HasPrefix(path, vendoredModules) {
		return path
	}
	return vendoredRoot + path
}
