package debugkit

import (
	"path"
	"slices"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/layout"
)

// Rule maps what a path in the binary begins with to what it begins with on the machine
// of the person who debugs. Of several the first one that fits counts. An empty From
// stands for relative paths, which are those of the standard library in a trimmed build.
type Rule struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Tree is where the sources lie for the person who debugs.
type Tree struct {
	// Dir is the absolute path of a tree of Kubernetes, Layout how it holds the sources.
	Dir    string
	Layout layout.Layout
	// Staging names the modules below staging/src/k8s.io of an upstream tree, as "api".
	Staging []string
	// GOROOT is that of the toolchain; empty where the person has none, or has it at the
	// same path.
	GOROOT string
}

const (
	stagingGroup = "k8s.io"
	stagingDir   = "staging/src"
	vendorDir    = "vendor"
)

// Rules returns what maps the paths of a binary to a tree. It is pure.
func Rules(recorded Recorded, tree Tree) []Rule {
	rules := untrimmed(recorded, tree)
	if recorded.Trimmed {
		rules = trimmed(recorded, tree)
	}
	switch {
	case tree.GOROOT == "":
	case recorded.Trimmed:
		rules = append(rules, Rule{"", path.Join(tree.GOROOT, "src")})
	case recorded.GOROOT != "":
		rules = append(rules, Rule{recorded.GOROOT, tree.GOROOT})
	}
	return slices.DeleteFunc(rules, func(rule Rule) bool { return rule.From == rule.To })
}

// untrimmed maps the folders of one tree to those of another.
func untrimmed(recorded Recorded, tree Tree) []Rule {
	from, to := recorded.Root, tree.Dir
	switch {
	case recorded.Layout == tree.Layout:
		return []Rule{{from, to}}
	case tree.Layout == layout.Vendored:
		vendor := path.Join(to, vendorDir)
		return []Rule{
			{path.Join(from, stagingDir), vendor}, {path.Join(from, vendorDir), vendor}, {from, path.Join(vendor, rootModule)},
		}
	}
	rules := []Rule{{path.Join(from, vendorDir, rootModule), to}}
	for _, name := range tree.Staging {
		module := path.Join(stagingGroup, name)
		rules = append(rules, Rule{path.Join(from, vendorDir, module), path.Join(to, stagingDir, module)})
	}
	return append(rules, Rule{path.Join(from, vendorDir), path.Join(to, vendorDir)})
}

// trimmed maps modules to folders of a tree.
func trimmed(recorded Recorded, tree Tree) []Rule {
	var rules []Rule
	for _, module := range recorded.Modules {
		name, _, _ := strings.Cut(module, "@")
		switch {
		case module != recorded.Main || name == rootModule:
			rules = append(rules, Rule{module, tree.folder(name)})
		case tree.Layout == layout.Vendored:
			// A project that vendors a kubelet: its own sources are not in an upstream tree.
			rules = append(rules, Rule{module, tree.Dir})
		}
	}
	return rules
}

// folder returns where a tree holds a module.
func (t Tree) folder(module string) string {
	if t.Layout == layout.Upstream {
		if module == rootModule {
			return t.Dir
		}
		if group, name := path.Split(module); group == stagingGroup+"/" && slices.Contains(t.Staging, name) {
			return path.Join(t.Dir, stagingDir, module)
		}
	}
	return path.Join(t.Dir, vendorDir, module)
}

// Resolve returns the path on the person's machine of a file that the binary names, as
// Delve's clients do (SubstitutePath in pkg/locspec/locations.go of Delve).
func Resolve(rules []Rule, file string) string {
	for _, rule := range rules {
		if rule.From == "" && !path.IsAbs(file) {
			return path.Join(rule.To, file)
		}
		if rest, ok := strings.CutPrefix(file, rule.From+"/"); ok && rule.From != "" {
			return path.Join(rule.To, rest)
		}
	}
	return file
}
