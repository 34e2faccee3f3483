package release

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// script is a file of scripts/ that belongs on a node. Its name is relative to that
// folder.
type script struct {
	name string
	// program says that it is run; the others are read by programs, and lie beside them.
	program bool
	// command says that a person starts it by name, from PATH.
	command bool
}

func (s script) mode() fs.FileMode {
	if s.program {
		return 0o755
	}
	return 0o644
}

// ofNoNode are folders of scripts/ that don't belong on a node: fleet is for whoever has
// a whole cluster.
var ofNoNode = [...]string{"fleet", "testdata"}

// findScripts lists what of a folder of scripts belongs on a node, by name: the programs,
// which begin with "#!", what they read (.bash), and all of other folders but tests. A
// program without an extension is a command. It refuses a link, which would bring in
// whatever it points to, and a folder of which the programs could not run.
func findScripts(folder string) ([]script, error) {
	found := map[string]script{}
	sources := map[string][]string{}
	err := filepath.WalkDir(folder, func(at string, entry fs.DirEntry, err error) error {
		name, relativeErr := filepath.Rel(folder, at)
		if err != nil || relativeErr != nil || name == "." {
			return errors.Join(err, relativeErr)
		}
		name = filepath.ToSlash(name)
		if entry.IsDir() {
			if slices.Contains(ofNoNode[:], name) || entry.Name() == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		if isForPeople(entry.Name()) {
			return nil
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file", at)
		}
		text, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		item := script{name: name, program: bytes.HasPrefix(text, []byte("#!"))}
		item.command = item.program && path.Ext(name) == "" && path.Dir(name) == "."
		if item.program || path.Ext(name) == ".bash" || path.Dir(name) != "." {
			found[name] = item
			sources[name] = sourced(name, string(text))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for the scripts of a release: %w", err)
	}
	return sortedScripts(folder, found, sources)
}

// isForPeople reports whether a file is for those who work on the scripts, or an
// editor's own.
func isForPeople(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || path.Ext(name) == ".go" || path.Ext(name) == ".md"
}

// sortedScripts sorts them, and holds what each reads against what there is.
func sortedScripts(folder string, found map[string]script, sources map[string][]string) ([]script, error) {
	var list []script
	programs := 0
	for name, item := range found {
		for _, wanted := range sources[name] {
			if _, packed := found[wanted]; !packed {
				return nil, fmt.Errorf("%s reads %s, which a release would not have: add it to %s", filepath.Join(folder, name), wanted, folder)
			}
		}
		list = append(list, item)
		if item.program {
			programs++
		}
	}
	if programs == 0 {
		return nil, fmt.Errorf("%s has no program: a release without its scripts is none", folder)
	}
	slices.SortFunc(list, func(a, b script) int { return strings.Compare(a.name, b.name) })
	return list, nil
}

// sourcePattern is a line that reads a file which lies beside the script:
// . "$here/kubelet-swap.bash", or . "${BASH_SOURCE[0]%/*}/kubelet-service.bash".
var sourcePattern = regexp.MustCompile(`(?m)^[\t ]*(?:\.|source)[\t ]+"?(?:\$[A-Za-z_]+|\$\{[^}]*\})/([^"\s;]+)"?`)

// sourced returns the names of the files that a script reads.
func sourced(name, text string) []string {
	var names []string
	for _, match := range sourcePattern.FindAllStringSubmatch(text, -1) {
		names = append(names, path.Join(path.Dir(name), match[1]))
	}
	return names
}
