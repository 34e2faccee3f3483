package hookcheck

import (
	"go/ast"
	"go/token"
)

// call is one call expression with what is known about how it is reached.
type call struct {
	node *ast.CallExpr
	// dead says why it is never reached, or is empty.
	dead string
	// returned is set inside the results of a return statement.
	returned bool
	// deferred is set for the call of a defer or go statement.
	deferred bool
	// certainUntil is the end of the code that runs only after the call: what
	// follows up to it can't be reached around the call.
	certainUntil token.Pos
}

// Why code is dead.
const (
	afterEnd   = "after a statement that ends the function or the loop"
	falseBelow = "below a condition that is constant"
)

// walker collects the calls of a function body in source order, without those
// of function literals.
type walker struct {
	source *source
	calls  []call
	// jumps is set when the function has a goto. Where it leads is not followed:
	// every label is then taken to be reachable.
	jumps bool
	context
}

// context is what holds for the code being walked.
type context struct {
	dead     string
	returned bool
	deferred bool
	until    token.Pos
}

// walkBody collects the calls of a function.
func walkBody(s *source, body *ast.BlockStmt) *walker {
	w := &walker{source: s, jumps: branches(body, token.GOTO)}
	w.block(body.List, body.End())
	return w
}

// block walks a list of statements that ends at until, and reports whether
// control never gets to its end.
func (w *walker) block(list []ast.Stmt, until token.Pos) (ends bool) {
	saved := w.context
	defer func() { w.context = saved }()
	w.until = until
	for _, statement := range list {
		if _, labelled := statement.(*ast.LabeledStmt); labelled && w.jumps && w.dead == afterEnd {
			w.dead, ends = saved.dead, false
		}
		if w.statement(statement) && !ends {
			ends = true
			if w.dead == "" {
				w.dead = afterEnd
			}
		}
	}
	return ends
}

// branch walks code that runs only on some condition, or never when it is dead.
func (w *walker) branch(list []ast.Stmt, until token.Pos, dead bool) (ends bool) {
	saved := w.context
	defer func() { w.context = saved }()
	if dead && w.dead == "" {
		w.dead = falseBelow
	}
	return w.block(list, until)
}

// statement walks one statement and reports whether control never gets past it.
func (w *walker) statement(statement ast.Stmt) (ends bool) {
	switch s := statement.(type) {
	case *ast.LabeledStmt:
		return w.labelled(s)
	case *ast.BlockStmt:
		return w.block(s.List, w.until)
	case *ast.IfStmt:
		return w.ifStatement(s)
	case *ast.ForStmt:
		return w.forStatement(s)
	case *ast.RangeStmt:
		w.expression(s.X)
		w.branch(s.Body.List, s.Body.End(), false)
	case *ast.SwitchStmt:
		w.optional(s.Init)
		w.expression(s.Tag)
		return w.clauses(s.Body, false)
	case *ast.TypeSwitchStmt:
		w.optional(s.Init)
		w.statement(s.Assign)
		return w.clauses(s.Body, false)
	case *ast.SelectStmt:
		return w.clauses(s.Body, true)
	case *ast.BranchStmt:
		return s.Tok != token.FALLTHROUGH
	default:
		return w.simple(statement)
	}
	return false
}

// simple walks a statement that holds no other statements.
func (w *walker) simple(statement ast.Stmt) (ends bool) {
	saved := w.context
	defer func() { w.context = saved }()
	switch s := statement.(type) {
	case *ast.ReturnStmt:
		w.returned = true
		w.expressions(s.Results)
		return true
	case *ast.DeferStmt:
		w.delayed(s.Call)
	case *ast.GoStmt:
		w.delayed(s.Call)
	case *ast.ExprStmt:
		w.expression(s.X)
		return isPanic(s.X)
	case *ast.AssignStmt:
		w.expressions(s.Rhs)
		w.expressions(s.Lhs)
	case nil:
	default:
		w.expression(s)
	}
	return false
}

// delayed walks the call of a defer or go statement: its arguments are
// evaluated at once, the call itself is not.
func (w *walker) delayed(node *ast.CallExpr) {
	w.expressions(node.Args)
	w.deferred = true
	w.add(node)
}

func (w *walker) optional(statement ast.Stmt) {
	if statement != nil {
		w.statement(statement)
	}
}

func (w *walker) ifStatement(s *ast.IfStmt) (ends bool) {
	w.optional(s.Init)
	w.expression(s.Cond)
	value, known := w.source.constantBool(s.Cond)
	thenEnds := w.branch(s.Body.List, s.Body.End(), known && !value)
	elseEnds := false
	if s.Else != nil {
		elseEnds = w.branch([]ast.Stmt{s.Else}, s.Else.End(), known && value)
	}
	if known {
		return value && thenEnds || !value && elseEnds
	}
	return thenEnds && elseEnds
}

func (w *walker) forStatement(s *ast.ForStmt) (ends bool) {
	w.optional(s.Init)
	value, known := true, s.Cond == nil
	if s.Cond != nil {
		w.expression(s.Cond)
		value, known = w.source.constantBool(s.Cond)
	}
	w.branch(s.Body.List, s.Body.End(), known && !value)
	if s.Post != nil {
		w.branch([]ast.Stmt{s.Post}, s.Post.End(), known && !value)
	}
	return known && value && !branches(s.Body, token.BREAK)
}

// clauses walks the cases of a switch or select. Control gets past it unless
// one case is sure to be taken, every one ends, and none breaks out. A select
// waits until it can take one; a switch is sure to with a default.
func (w *walker) clauses(body *ast.BlockStmt, exhaustive bool) (ends bool) {
	ends = !branches(body, token.BREAK)
	for _, clause := range body.List {
		switch c := clause.(type) {
		case *ast.CaseClause:
			for _, e := range c.List {
				w.branch([]ast.Stmt{&ast.ExprStmt{X: e}}, e.End(), false)
			}
			exhaustive = exhaustive || c.List == nil
			ends = w.branch(c.Body, c.End(), false) && ends
		case *ast.CommClause:
			list := c.Body
			if c.Comm != nil {
				list = append([]ast.Stmt{c.Comm}, c.Body...)
			}
			ends = w.branch(list, c.End(), false) && ends
		}
	}
	return ends && exhaustive
}

// branches reports whether a body has a statement of this kind: a break may
// leave the loop or switch that it is the body of. One with a label, or inside
// another loop, is counted wherever it leads.
func branches(body *ast.BlockStmt, kind token.Token) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.BranchStmt:
			found = found || n.Tok == kind
		}
		return !found
	})
	return found
}

func isPanic(e ast.Expr) bool {
	node, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	name, ok := node.Fun.(*ast.Ident)
	return ok && name.Name == "panic"
}
