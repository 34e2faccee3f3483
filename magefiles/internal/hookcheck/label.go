package hookcheck

import (
	"go/ast"
	"go/token"
)

// labelled walks a labelled statement. A break with its label goes past it, around
// whatever follows in a block: a call in there is certain only up to the block's
// end. (The compiler refuses such a break of a plain block, the parser doesn't.)
func (w *walker) labelled(s *ast.LabeledStmt) (ends bool) {
	if !breaksTo(s.Stmt, s.Label.Name) {
		return w.statement(s.Stmt)
	}
	saved := w.context
	defer func() { w.context = saved }()
	switch s.Stmt.(type) {
	case *ast.BlockStmt, *ast.LabeledStmt:
		w.until = s.End()
	}
	w.statement(s.Stmt)
	return false
}

// breaksTo reports whether a statement has a break with this label.
func breaksTo(statement ast.Stmt, label string) bool {
	found := false
	ast.Inspect(statement, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.BranchStmt:
			found = found || n.Tok == token.BREAK && n.Label != nil && n.Label.Name == label
		}
		return !found
	})
	return found
}
