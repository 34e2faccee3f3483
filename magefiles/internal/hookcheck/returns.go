package hookcheck

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
)

// checkReturns checks that every return statement of a function has a result that
// is "condition && call" or "call && condition", and that one of these calls can be reached. Those of
// function literals are not the function's.
func (s *source) checkReturns(a Assertion, function *ast.FuncDecl, walk *walker) (line int, found string) {
	returns := returnsOf(function.Body)
	if len(returns) == 0 {
		return s.line(function.Pos()), "it has no return statement"
	}
	dead := map[*ast.CallExpr]string{}
	for _, c := range walk.calls {
		dead[c.node] = c.dead
	}
	problem := ""
	reached := false
	for _, statement := range returns {
		node, wrong := s.guard(a, statement)
		if wrong != "" {
			return s.line(statement.Pos()), wrong
		}
		if reason := dead[node]; reason == "" {
			reached = true
		} else if line = s.line(node.Pos()); problem == "" {
			problem = "the call is never reached: it is " + reason
		}
	}
	if reached {
		return 0, ""
	}
	return line, problem
}

// guard returns the call that is an operand of && in a result of a return statement,
// or what is wrong.
func (s *source) guard(a Assertion, statement *ast.ReturnStmt) (node *ast.CallExpr, wrong string) {
	wrong = fmt.Sprintf("the return statement in line %d has no result that is a condition && the call", s.line(statement.Pos()))
	for _, result := range statement.Results {
		operands := operandsOf(result)
		if len(operands) < 2 {
			continue
		}
		for _, operand := range operands {
			node, ok := operand.(*ast.CallExpr)
			if !ok || types.ExprString(node.Fun) != a.Call {
				continue
			}
			if s.anyFalse(operands) {
				wrong = "the call is never reached: it is " + falseBelow
			} else if problem := s.means(a, node); problem != "" {
				wrong = problem
			} else {
				return node, ""
			}
		}
	}
	return nil, wrong
}

// operandsOf returns what is joined by && in an expression.
func operandsOf(e ast.Expr) []ast.Expr {
	e = ast.Unparen(e)
	if both, ok := e.(*ast.BinaryExpr); ok && both.Op == token.LAND {
		return append(operandsOf(both.X), operandsOf(both.Y)...)
	}
	return []ast.Expr{e}
}

// anyFalse reports whether one of them is constant false.
func (s *source) anyFalse(operands []ast.Expr) bool {
	for _, operand := range operands {
		if value, known := s.constantBool(operand); known && !value {
			return true
		}
	}
	return false
}

// returnsOf returns the return statements of a function, without those of function
// literals in it.
func returnsOf(body *ast.BlockStmt) (found []*ast.ReturnStmt) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			found = append(found, n)
		}
		return true
	})
	return found
}
