package hookcheck

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
)

// checkReturns checks that every return statement of a function has a result that
// is "condition && call", and that one of these calls can be reached. Those of
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

// guard returns the call that is the right operand of a result of a return
// statement, or what is wrong.
func (s *source) guard(a Assertion, statement *ast.ReturnStmt) (node *ast.CallExpr, wrong string) {
	wrong = fmt.Sprintf("the return statement in line %d has no result that is a condition && the call", s.line(statement.Pos()))
	for _, result := range statement.Results {
		both, ok := ast.Unparen(result).(*ast.BinaryExpr)
		if !ok || both.Op != token.LAND {
			continue
		}
		node, ok := ast.Unparen(both.Y).(*ast.CallExpr)
		if !ok || types.ExprString(node.Fun) != a.Call {
			continue
		}
		if value, known := s.constantBool(both.X); known && !value {
			wrong = "the call is never reached: it is " + falseBelow
		} else if problem := s.means(a, node); problem != "" {
			wrong = problem
		} else {
			return node, ""
		}
	}
	return nil, wrong
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
