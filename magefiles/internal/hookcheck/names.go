package hookcheck

import (
	"fmt"
	"go/ast"
	"go/types"
)

// means checks that a call is of the function that the assertion means.
func (s *source) means(a Assertion, node *ast.CallExpr) string {
	if a.Argument != "" {
		return s.takes(a, node)
	}
	if a.Import != "" {
		return s.resolves(node.Fun, a.Import)
	}
	if name, ok := node.Fun.(*ast.Ident); ok {
		return s.ofPackage(name)
	}
	return ""
}

// takes checks that a call has the argument that the assertion means. One that is a
// call of a plain name is of the file's own package.
func (s *source) takes(a Assertion, node *ast.CallExpr) string {
	for _, argument := range node.Args {
		if types.ExprString(argument) != a.Argument {
			continue
		}
		if called, ok := argument.(*ast.CallExpr); ok {
			argument = called.Fun
		}
		if a.Import != "" {
			return s.resolves(argument, a.Import)
		}
		if name, ok := argument.(*ast.Ident); ok {
			return s.ofPackage(name)
		}
		return ""
	}
	return fmt.Sprintf("the call does not take %s", a.Argument)
}

// ofPackage checks that a plain name stands for what the package declares, in this
// file or, when nothing in this one has the name, in another.
func (s *source) ofPackage(name *ast.Ident) string {
	object := s.info.Uses[name]
	if object == nil || object.Pkg() == nil || object.Parent() == object.Pkg().Scope() {
		return ""
	}
	return fmt.Sprintf("%s is shadowed by the declaration in line %d", name.Name, s.line(object.Pos()))
}

// resolves checks that the package name in what is called, or taken, stands for the
// import path.
func (s *source) resolves(used ast.Expr, importPath string) string {
	selector, ok := used.(*ast.SelectorExpr)
	if !ok {
		return "it has no package name"
	}
	name, ok := selector.X.(*ast.Ident)
	if !ok {
		return "it has no package name"
	}
	switch object := s.info.Uses[name].(type) {
	case nil:
		return fmt.Sprintf("%s is not imported", name.Name)
	case *types.PkgName:
		if got := object.Imported().Path(); got != importPath {
			return fmt.Sprintf("%s is the package %s", name.Name, got)
		}
		return ""
	default:
		return fmt.Sprintf("%s is shadowed by the declaration in line %d", name.Name, s.line(object.Pos()))
	}
}
