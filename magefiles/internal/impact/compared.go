package impact

import (
	"go/ast"
	"go/parser"
	"slices"
	"strings"
)

// Compared says of which containers a kubelet compares the hashes, and restarts those
// that moved.
type Compared struct {
	// By lists the functions that ask containerChanged.
	By []string `json:"by"`
	// Regular and Sidecars are those that are known to be about these.
	Regular  bool `json:"regular"`
	Sidecars bool `json:"sidecars"`
	// Unknown are functions whose containers are not known.
	Unknown []string `json:"unknown,omitempty"`
	// Rule is what containerChanged does: differing hashes, or Unknown.
	Rule Finding `json:"rule"`
}

// ruleDiffer is containerChanged as it is known: the hash of today's spec is another
// than the one on the container.
const ruleDiffer = "the hashes differ"

const runtimePackage = rootModule + "/pkg/kubelet/kuberuntime"

// compared finds who asks containerChanged (pkg/kubelet/kuberuntime).
func (l *loader) compared() (Compared, error) {
	dir, _ := l.tree.Dir(runtimePackage)
	files, err := l.parse(dir, wantedFile, parser.SkipObjectResolution)
	if err != nil {
		return Compared{}, err
	}
	found := Compared{Rule: unknown("there is no function containerChanged")}
	for _, file := range files {
		s := newSource(l.fset, file)
		if rule := s.function("containerChanged"); rule != nil {
			found.Rule = s.changedRule(rule)
		}
		found.By = append(found.By, callers(file, "containerChanged")...)
	}
	slices.Sort(found.By)
	for _, name := range found.By {
		switch name {
		case "computePodActions":
			found.Regular = true
		case "computeInitContainerActions":
			found.Sidecars = true
		default:
			found.Unknown = append(found.Unknown, name)
		}
	}
	return found, nil
}

// changedRule recognises the body of containerChanged.
func (s *source) changedRule(function *ast.FuncDecl) Finding {
	var lines []string
	for _, statement := range function.Body.List {
		lines = append(lines, s.text(statement))
	}
	names := parameters(function)
	if len(names) != 2 {
		return unknown("containerChanged takes %s", s.text(function.Type))
	}
	container, status := names[0], names[1]
	want := []string{
		"expectedHash := kubecontainer.HashContainer(" + container + ")",
		"return expectedHash, " + status + ".Hash, " + status + ".Hash != expectedHash",
	}
	if !slices.Equal(lines, want) {
		return unknown("containerChanged is %s", strings.Join(lines, "; "))
	}
	return Finding{Is: ruleDiffer}
}

// callers lists the functions of a file that call another by its plain name.
func callers(file *ast.File, callee string) (names []string) {
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || function.Body == nil {
			continue
		}
		calls := false
		ast.Inspect(function.Body, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			calls = calls || ok && isIdent(call.Fun, callee)
			return !calls
		})
		if calls {
			names = append(names, function.Name.Name)
		}
	}
	return names
}
