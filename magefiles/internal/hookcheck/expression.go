package hookcheck

import (
	"go/ast"
	"go/token"
)

func (w *walker) expressions(list []ast.Expr) {
	for _, e := range list {
		w.expression(e)
	}
}

// expression collects the calls in an expression, or in a declaration, in
// source order. The right side of && and || runs on condition only, and not at
// all when the left side is constant.
func (w *walker) expression(root ast.Node) {
	if root == nil {
		return
	}
	ast.Inspect(root, func(n ast.Node) bool {
		switch e := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			w.add(e)
		case *ast.BinaryExpr:
			if e.Op == token.LAND || e.Op == token.LOR {
				w.shortCircuit(e)
				return false
			}
		}
		return true
	})
}

func (w *walker) shortCircuit(e *ast.BinaryExpr) {
	w.expression(e.X)
	saved := w.context
	defer func() { w.context = saved }()
	if value, known := w.source.constantBool(e.X); known && value == (e.Op == token.LOR) && w.dead == "" {
		w.dead = falseBelow
	}
	w.until = e.Y.End()
	w.expression(e.Y)
}

func (w *walker) add(node *ast.CallExpr) {
	w.calls = append(w.calls, call{
		node: node, dead: w.dead, returned: w.returned, deferred: w.deferred, certainUntil: w.until,
	})
}
