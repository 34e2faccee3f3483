package graft

import (
	"bytes"
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
)

// WallError says that a grafted file imports what a Kubernetes tree may not
// have. The library keeps to the standard library, renameio and klog, because
// anything else would need another module in the tree.
type WallError struct {
	// File is the file's path inside the folder that is grafted.
	File   string
	Import string
}

// Error names the file and the import.
func (e *WallError) Error() string {
	return fmt.Sprintf("%s imports %q, which can't go into a Kubernetes tree: only the standard library, %s and %s can",
		e.File, e.Import, renameioPath, klogPath)
}

// rewriteImports returns the Go source data with its imports pointing to where
// the graft places them. Source in which none has to is returned as it is.
func rewriteImports(name string, data []byte) ([]byte, error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, data, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	changed := false
	for _, spec := range parsed.Imports {
		from, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
		}
		to, ok := destination(from)
		if !ok {
			return nil, &WallError{File: name, Import: from}
		}
		if to != from {
			spec.Path.Value = strconv.Quote(to)
			changed = true
		}
	}
	if !changed {
		return data, nil
	}
	var out bytes.Buffer
	if err := format.Node(&out, files, parsed); err != nil {
		return nil, fmt.Errorf("rewriting the imports of %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// destination returns what an import becomes in a tree, or false when the tree
// may not have it.
func destination(from string) (string, bool) {
	if rest, ok := strings.CutPrefix(from, statefilePath); ok && (rest == "" || rest[0] == '/') {
		return kubernetesModule + "/" + statefileFolder + rest, true
	}
	switch {
	case from == renameioPath:
		return kubernetesModule + "/" + renameioFolder, true
	case from == klogPath:
		return from, true
	default:
		return from, isStandard(from)
	}
}

// isStandard reports whether an import is of the standard library: the go
// command keeps paths without a dot in the first element for it. Kubelets are
// built without cgo, so "C" doesn't count.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return path != "C" && !strings.Contains(first, ".")
}
