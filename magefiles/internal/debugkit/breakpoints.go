package debugkit

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Breakpoint is one of a set in scripts/breakpoints, which are files of commands for
// Delve's client.
type Breakpoint struct {
	// Name is what the client calls it.
	Name string
	// Package is an import path, Receiver the type of a method ("*Kubelet") or empty.
	Package, Receiver, Function string
	// Prints are the expressions that are printed where it stops.
	Prints []string
}

// rootModule is the one that all breakpoints are in.
const rootModule = "k8s.io/kubernetes"

var (
	breakCommand = regexp.MustCompile(`^break (\w+) (` + regexp.QuoteMeta(rootModule) + `/[\w/]+)\.(?:\((\*?\w+)\)\.)?(\w+)$`)
	onCommand    = regexp.MustCompile(`^on (\w+) print (\w+(?:\.\w+)*)$`)
)

// ParseBreakpoints reads a set. It takes just what the sets need, so that each line is
// one that FindIn can check; another command is an error with its line.
func ParseBreakpoints(text string) ([]Breakpoint, error) {
	var set []Breakpoint
	for number, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if m := breakCommand.FindStringSubmatch(line); m != nil {
			set = append(set, Breakpoint{Name: m[1], Package: m[2], Receiver: m[3], Function: m[4]})
			continue
		}
		m := onCommand.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("line %d: %q is neither a breakpoint in %s nor something to print at one", number+1, line, rootModule)
		}
		at := slices.IndexFunc(set, func(b Breakpoint) bool { return b.Name == m[1] })
		if at < 0 {
			return nil, fmt.Errorf("line %d: there is no breakpoint %s before it", number+1, m[1])
		}
		set[at].Prints = append(set[at].Prints, m[2])
	}
	return set, nil
}

// ErrNoFunction is matched where a breakpoint's function, or a parameter that it prints,
// is not in the sources.
var ErrNoFunction = errors.New("the sources do not have it")

// FindIn looks for the function in the sources of the root module, and for the parameters
// that are printed. Nothing is compiled: files are parsed, whatever they are built for.
func (b Breakpoint) FindIn(tree fs.FS) error {
	dir := strings.TrimPrefix(b.Package, rootModule+"/")
	files, err := fs.Glob(tree, path.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		data, err := fs.ReadFile(tree, file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, data, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, declared := range parsed.Decls {
			if function, ok := declared.(*ast.FuncDecl); ok && b.is(function) {
				return b.checkPrints(function)
			}
		}
	}
	return fmt.Errorf("%w: function %s in %s", ErrNoFunction, b.Function, dir)
}

func (b Breakpoint) is(function *ast.FuncDecl) bool {
	receiver := ""
	if function.Recv != nil && len(function.Recv.List) == 1 {
		receiver = types.ExprString(function.Recv.List[0].Type)
	}
	return function.Name.Name == b.Function && receiver == b.Receiver
}

// checkPrints looks for what each expression begins with among the parameters.
func (b Breakpoint) checkPrints(function *ast.FuncDecl) error {
	var names []string
	for _, field := range function.Type.Params.List {
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
	}
	for _, expression := range b.Prints {
		name, _, _ := strings.Cut(expression, ".")
		if !slices.Contains(names, name) {
			return fmt.Errorf("%w: parameter %s of %s", ErrNoFunction, name, b.Function)
		}
	}
	return nil
}
