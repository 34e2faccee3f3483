package impact

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"path"
	"strconv"
	"strings"
)

// source is one parsed file, for looking at the structure of its functions.
type source struct {
	fset *token.FileSet
	file *ast.File
	// imports has the path of each import by the name that it has here.
	imports map[string]string
}

// source parses one file of a package of the tree.
func (l *loader) source(importPath, name string) (*source, error) {
	dir, _ := l.tree.Dir(importPath)
	files, err := l.parse(dir, func(entry string) bool { return entry == name }, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", name, importPath, err)
	}
	return newSource(l.fset, files[0]), nil
}

func newSource(fset *token.FileSet, file *ast.File) *source {
	s := &source{fset: fset, file: file, imports: map[string]string{}}
	for _, spec := range file.Imports {
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(importPath)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		s.imports[name] = importPath
	}
	return s
}

// function returns the declaration of a function without a receiver, or nil.
func (s *source) function(name string) *ast.FuncDecl {
	for _, declaration := range s.file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if ok && function.Recv == nil && function.Name.Name == name && function.Body != nil {
			return function
		}
	}
	return nil
}

// text writes syntax as source code, in one line.
func (s *source) text(node any) string {
	var out strings.Builder
	if err := printer.Fprint(&out, s.fset, node); err != nil {
		return Unknown
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

// called returns the full name of what a call calls, "crypto/md5.New", and its
// arguments. A function of the file itself has no path, and a method that of no import.
func (s *source) called(e ast.Expr) (name string, arguments []ast.Expr) {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return "", nil
	}
	switch function := call.Fun.(type) {
	case *ast.Ident:
		return function.Name, call.Args
	case *ast.SelectorExpr:
		base, ok := function.X.(*ast.Ident)
		if !ok {
			return "", nil
		}
		if importPath, ok := s.imports[base.Name]; ok {
			return importPath + "." + function.Sel.Name, call.Args
		}
		return base.Name + "." + function.Sel.Name, call.Args
	}
	return "", nil
}

// define reads "name := value" and "name, _ := value".
func define(statement ast.Stmt) (name string, value ast.Expr) {
	assign, ok := statement.(*ast.AssignStmt)
	if !ok || assign.Tok != token.DEFINE || len(assign.Rhs) != 1 || len(assign.Lhs) > 2 {
		return "", nil
	}
	if len(assign.Lhs) == 2 && !isIdent(assign.Lhs[1], "_") {
		return "", nil
	}
	first, ok := assign.Lhs[0].(*ast.Ident)
	if !ok {
		return "", nil
	}
	return first.Name, assign.Rhs[0]
}

func isIdent(e ast.Expr, name string) bool {
	ident, ok := e.(*ast.Ident)
	return ok && ident.Name == name
}

// expression returns what an expression statement evaluates, or nil.
func expression(statement ast.Stmt) ast.Expr {
	if e, ok := statement.(*ast.ExprStmt); ok {
		return e.X
	}
	return nil
}

// returned returns the one value that a statement returns, or nil.
func returned(statement ast.Stmt) ast.Expr {
	r, ok := statement.(*ast.ReturnStmt)
	if !ok || len(r.Results) != 1 {
		return nil
	}
	return r.Results[0]
}

// parameters lists the names of a function's parameters in order.
func parameters(function *ast.FuncDecl) (names []string) {
	for _, field := range function.Type.Params.List {
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
	}
	return names
}
