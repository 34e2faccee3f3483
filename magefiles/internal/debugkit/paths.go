package debugkit

import (
	"debug/buildinfo"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/layout"
)

// Recorded says how a kubelet names its sources in its DWARF.
type Recorded struct {
	// Layout is that of the tree it was compiled from, and Root where that tree lay. A
	// trimmed build has no Root: its paths begin with a module.
	Layout  layout.Layout
	Root    string
	Trimmed bool
	// GOROOT is that of its toolchain, and empty in a trimmed build.
	GOROOT string
	// Modules are those that paths of a trimmed build begin with, "PATH@VERSION", or the
	// path alone of the main module, which Main is too. They are sorted.
	Modules []string
	Main    string
}

// marker is a file that every kubelet is compiled from, and runtimeMarker one that every
// program is. Both are paths in the upstream layout and below GOROOT/src.
const (
	marker        = "pkg/kubelet/kuberuntime/kuberuntime_manager.go"
	runtimeMarker = "runtime/proc.go"
)

// ErrNoDWARF is matched where a program has no DWARF that names its sources.
var ErrNoDWARF = errors.New("it has no DWARF")

// ReadPaths reads the DWARF of a kubelet: of the binary, or for a release build of the
// file with the DWARF beside it. It needs neither sources nor a debugger.
func ReadPaths(file string) (Recorded, error) {
	names, err := SourceFiles(file)
	if err != nil {
		return Recorded{}, fmt.Errorf("reading which sources %s was compiled from: %w", file, err)
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return Recorded{}, err // it names the file
	}
	recorded, err := recognise(names, info.Main.Path)
	if err != nil {
		return Recorded{}, fmt.Errorf("reading which sources %s was compiled from: %w", file, err)
	}
	return recorded, nil
}

// SourceFiles lists the Go files that the line tables of an ELF program name, sorted. The
// error matches ErrNoDWARF where it has none.
func SourceFiles(file string) ([]string, error) {
	program, err := elf.Open(file)
	if err != nil {
		return nil, err
	}
	defer program.Close()
	if program.Section(".debug_info") == nil && program.Section(".zdebug_info") == nil {
		return nil, ErrNoDWARF
	}
	data, err := program.DWARF()
	if err != nil {
		return nil, fmt.Errorf("%w that can be read: %w", ErrNoDWARF, err)
	}
	names := map[string]bool{}
	for reader := data.Reader(); ; reader.SkipChildren() {
		entry, err := reader.Next()
		if err != nil {
			return nil, err
		}
		if entry == nil {
			return slices.Sorted(maps.Keys(names)), nil
		}
		if entry.Tag != dwarf.TagCompileUnit {
			continue
		}
		lines, err := data.LineReader(entry)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if lines == nil {
			continue // a unit without code
		}
		for _, named := range lines.Files() {
			if named != nil && strings.HasSuffix(named.Name, ".go") {
				names[named.Name] = true
			}
		}
	}
}

// recognise works out from the files that a kubelet names, and from its main module, how
// it was built.
func recognise(names []string, main string) (Recorded, error) {
	recorded := Recorded{Main: main}
	found := ""
	for _, name := range names {
		switch {
		case strings.HasSuffix(name, "/"+marker):
			found = strings.TrimSuffix(name, marker)
		case strings.HasSuffix(name, "/src/"+runtimeMarker):
			recorded.GOROOT = strings.TrimSuffix(name, "/src/"+runtimeMarker)
		}
	}
	vendored := layout.Vendored.Path(marker)
	switch {
	case found == "":
		return Recorded{}, fmt.Errorf("it names no %s: it is no kubelet", marker)
	case !path.IsAbs(found):
		recorded.Trimmed, recorded.Modules = true, modules(names, main)
		recorded.Layout = layout.Upstream
		if strings.Contains(found, "@") {
			recorded.Layout = layout.Vendored
		}
	case strings.HasSuffix(found+marker, "/"+vendored):
		recorded.Layout, recorded.Root = layout.Vendored, strings.TrimSuffix(found+marker, "/"+vendored)
	default:
		recorded.Layout, recorded.Root = layout.Upstream, strings.TrimSuffix(found, "/")
	}
	return recorded, nil
}

// modules lists the modules that trimmed paths begin with.
func modules(names []string, main string) []string {
	found := map[string]bool{}
	for _, name := range names {
		module, rest, versioned := strings.Cut(name, "@")
		switch {
		case path.IsAbs(name):
		case versioned:
			version, _, _ := strings.Cut(rest, "/")
			found[module+"@"+version] = true
		case main != "" && strings.HasPrefix(name, main+"/"):
			found[main] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}
