package hookcheck

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"regexp"
)

// source is one parsed file.
type source struct {
	// unusable says why the file can't be checked, or is empty.
	unusable string
	fset     *token.FileSet
	syntax   *ast.File
	info     types.Info
}

func newSource(name string, data []byte, readErr error) *source {
	if readErr != nil {
		return &source{unusable: "the file is missing"}
	}
	s := &source{fset: token.NewFileSet(), info: types.Info{
		Uses:  map[*ast.Ident]types.Object{},
		Types: map[ast.Expr]types.TypeAndValue{},
	}}
	syntax, err := parser.ParseFile(s.fset, name, data, parser.SkipObjectResolution)
	if err != nil {
		return &source{unusable: "the file is not valid Go: " + err.Error()}
	}
	s.syntax = syntax
	// Most names of a lone file can't be resolved, so errors are expected;
	// what matters (imports, shadowing, constants) is recorded all the same.
	config := types.Config{Importer: noImports{}, FakeImportC: true, Error: func(error) {}}
	_, _ = config.Check(name, s.fset, []*ast.File{syntax}, &s.info)
	return s
}

// noImports gives the type checker an empty package for each import. It is named
// after the path's last element that is not a major version ("/v2").
type noImports struct{}

func (noImports) Import(importPath string) (*types.Package, error) {
	name := path.Base(importPath)
	if majorVersion.MatchString(name) {
		name = path.Base(path.Dir(importPath))
	}
	empty := types.NewPackage(importPath, name)
	empty.MarkComplete()
	return empty, nil
}

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

// check returns an empty text when a holds, else what is wrong and where.
func (s *source) check(a Assertion) (line int, found string) {
	if s.unusable != "" {
		return 0, s.unusable
	}
	function, found := s.function(a.Function)
	if found != "" {
		return 0, found
	}
	walk := walkBody(s, function.Body)
	if a.In == InEveryReturn {
		return s.checkReturns(a, function, walk)
	}
	line, found = s.line(function.Pos()), fmt.Sprintf("it does not call %s", a.Call)
	best := -1
	for _, c := range walk.calls {
		if types.ExprString(c.node.Fun) != a.Call {
			continue
		}
		progress, problem := s.checkCall(a, c, walk)
		if problem == "" {
			return 0, ""
		}
		if progress > best {
			best, line, found = progress, s.line(c.node.Pos()), problem
		}
	}
	return line, found
}

// checkCall returns what is wrong with one call, and how many of the
// requirements it meets before that.
func (s *source) checkCall(a Assertion, c call, walk *walker) (progress int, problem string) {
	if c.dead != "" {
		return 0, "the call is never reached: it is " + c.dead
	}
	if problem := s.means(a, c.node); problem != "" {
		return 1, problem
	}
	if a.In == InReturn && !c.returned {
		return 2, "the call is not in a return statement"
	}
	if a.Before != "" {
		if problem := s.precedes(c, a.Before, walk); problem != "" {
			return 3, problem
		}
	}
	return 4, ""
}

// precedes checks that control can reach the named call only through c.
func (s *source) precedes(c call, name string, walk *walker) string {
	seen := false
	for _, later := range walk.calls {
		if types.ExprString(later.node.Fun) != name || later.dead != "" {
			continue
		}
		seen = true
		switch {
		case walk.jumps:
			return "the function has a goto, so that the order is not certain"
		case c.deferred:
			return "the call is deferred or in a goroutine"
		case later.node.End() < c.node.End(): // arguments are called first
			return fmt.Sprintf("%s is called earlier, in line %d", name, s.line(later.node.Pos()))
		case later.node.End() > c.certainUntil:
			return fmt.Sprintf("the call is conditional: %s in line %d can be reached without it", name, s.line(later.node.Pos()))
		}
	}
	if !seen {
		return fmt.Sprintf("%s is not called at all", name)
	}
	return ""
}

// function returns the one declaration of name that has a body.
func (s *source) function(name string) (*ast.FuncDecl, string) {
	var match *ast.FuncDecl
	for _, declaration := range s.syntax.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || nameOf(function) != name {
			continue
		}
		if match != nil {
			return nil, fmt.Sprintf("%s is declared twice, in lines %d and %d", name, s.line(match.Pos()), s.line(function.Pos()))
		}
		match = function
	}
	switch {
	case match == nil:
		return nil, fmt.Sprintf("the file declares no function %s", name)
	case match.Body == nil:
		return nil, fmt.Sprintf("%s in line %d has no body", name, s.line(match.Pos()))
	}
	return match, ""
}

// nameOf returns the name that an assertion uses for a function. The type
// parameters of a receiver are left out.
func nameOf(function *ast.FuncDecl) string {
	if function.Recv == nil || len(function.Recv.List) != 1 {
		return function.Name.Name
	}
	receiver := function.Recv.List[0].Type
	star := ""
	if pointer, ok := receiver.(*ast.StarExpr); ok {
		star, receiver = "*", pointer.X
	}
	switch generic := receiver.(type) {
	case *ast.IndexExpr:
		receiver = generic.X
	case *ast.IndexListExpr:
		receiver = generic.X
	}
	return fmt.Sprintf("(%s%s).%s", star, types.ExprString(receiver), function.Name.Name)
}

func (s *source) line(pos token.Pos) int { return s.fset.Position(pos).Line }

// constantBool returns the value of a condition that holds whatever else does:
// a constant, or an operation that one constant side decides.
func (s *source) constantBool(e ast.Expr) (value, known bool) {
	if v := s.info.Types[e].Value; v != nil && v.Kind() == constant.Bool {
		return constant.BoolVal(v), true
	}
	switch e := e.(type) {
	case *ast.ParenExpr:
		return s.constantBool(e.X)
	case *ast.UnaryExpr:
		value, known = s.constantBool(e.X)
		return !value, known && e.Op == token.NOT
	case *ast.BinaryExpr:
		if e.Op != token.LAND && e.Op != token.LOR {
			return false, false
		}
		decisive := e.Op == token.LOR
		for _, side := range []ast.Expr{e.X, e.Y} {
			if value, known := s.constantBool(side); known && value == decisive {
				return decisive, true
			}
		}
	}
	return false, false
}
