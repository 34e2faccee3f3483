package impact

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// Default is a field that the API server fills in where a person left it out
// (pkg/apis/core/v1/defaults.go, and zz_generated.defaults.go beside it). It goes by the
// struct: where one is used in several places, and filled in at some of them, it counts
// for all.
type Default struct {
	// Struct and Field name it: "core/v1.Container", "ResizePolicy".
	Struct string `json:"struct"`
	Field  string `json:"field"`
	// Gates are the feature gates that must be on for it, or empty.
	Gates []string `json:"gates,omitempty"`
	// Unless are those that must be off.
	Unless []string `json:"unless,omitempty"`
	// Allocates says that it puts a struct behind a pointer.
	Allocates bool `json:"allocates,omitempty"`
}

const defaultsPackage = rootModule + "/pkg/apis/core/v1"

// defaults finds every assignment to a field of an API type in the defaulting
// functions, with the feature gates of the conditions around it.
func (l *loader) defaults() ([]Default, error) {
	dir, _ := l.tree.Dir(defaultsPackage)
	// The second has the defaults that the types name in +default comments.
	wanted := func(name string) bool { return name == "defaults.go" || name == "zz_generated.defaults.go" }
	files, err := l.parse(dir, wanted, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	l.declareOpaque(files)
	info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
	config := l.config()
	_, _ = config.Check(defaultsPackage, l.fset, files, info) // most names of a lone file can't be resolved
	found, calls := []Default{}, map[string][]gating{}
	for range 2 { // the second time with the gates of the calls of each function
		found = found[:0]
		v := assignments{info: info, found: &found, calls: calls}
		for _, file := range files {
			ast.Walk(v, file)
		}
	}
	slices.SortFunc(found, func(a, b Default) int {
		return cmp.Or(cmp.Compare(a.Struct, b.Struct), cmp.Compare(a.Field, b.Field),
			slices.Compare(a.Gates, b.Gates), slices.Compare(a.Unless, b.Unless))
	})
	return slices.CompactFunc(found, func(a, b Default) bool {
		return a.Struct == b.Struct && a.Field == b.Field && slices.Equal(a.Gates, b.Gates) && slices.Equal(a.Unless, b.Unless)
	}), nil
}

// gating are the feature gates that must be on and off for code to run.
type gating struct{ gates, unless []string }

// assignments is an ast.Visitor that knows under which gates it is.
type assignments struct {
	gating
	info  *types.Info
	found *[]Default
	// calls has the gates of every call of a function of the file.
	calls map[string][]gating
}

// Visit implements ast.Visitor.
func (v assignments) Visit(node ast.Node) ast.Visitor {
	switch node := node.(type) {
	case *ast.FuncDecl:
		v.gating = shared(v.calls[node.Name.Name])
	case *ast.CallExpr:
		if name, ok := node.Fun.(*ast.Ident); ok {
			v.calls[name.Name] = append(v.calls[name.Name], v.gating)
		}
	case *ast.IfStmt:
		on, off := gatesOf(node.Cond, false)
		within := v
		within.gates, within.unless = append(slices.Clone(v.gates), on...), append(slices.Clone(v.unless), off...)
		ast.Walk(within, node.Body)
		if node.Else != nil {
			ast.Walk(v, node.Else)
		}
		return nil
	case *ast.AssignStmt:
		for i, left := range node.Lhs {
			v.assigned(left, node.Rhs[min(i, len(node.Rhs)-1)])
		}
	}
	return v
}

// shared returns the gates that all calls of a function are under. A function that
// nobody calls here is the API server's entry, and under none.
func shared(calls []gating) (all gating) {
	for i, call := range calls {
		if i == 0 {
			all = call
			continue
		}
		all.gates = slices.DeleteFunc(slices.Clone(all.gates), func(g string) bool { return !slices.Contains(call.gates, g) })
		all.unless = slices.DeleteFunc(slices.Clone(all.unless), func(g string) bool { return !slices.Contains(call.unless, g) })
	}
	return all
}

// assigned notes an assignment to a field, or to an element of it.
func (v assignments) assigned(left, right ast.Expr) {
	for {
		index, ok := left.(*ast.IndexExpr)
		if !ok {
			break
		}
		left = index.X
	}
	selector, ok := left.(*ast.SelectorExpr)
	if !ok || v.info.Selections[selector] == nil {
		return
	}
	owner := v.info.Selections[selector].Recv()
	if pointer, ok := owner.(*types.Pointer); ok {
		owner = pointer.Elem()
	}
	if name := typeName(owner); strings.HasPrefix(name, "core/v1.") {
		*v.found = append(*v.found, Default{
			Struct: name, Field: selector.Sel.Name, Gates: v.gates, Unless: v.unless, Allocates: allocates(right),
		})
	}
}

func allocates(e ast.Expr) bool {
	address, ok := e.(*ast.UnaryExpr)
	if !ok {
		return false
	}
	_, ok = address.X.(*ast.CompositeLit)
	return ok
}

// gatesOf lists the feature gates that a condition wants to be on, and off.
func gatesOf(condition ast.Expr, negated bool) (on, off []string) {
	switch e := condition.(type) {
	case *ast.ParenExpr:
		return gatesOf(e.X, negated)
	case *ast.UnaryExpr:
		return gatesOf(e.X, negated != (e.Op == token.NOT))
	case *ast.BinaryExpr:
		on, off = gatesOf(e.X, negated)
		more, less := gatesOf(e.Y, negated)
		return append(on, more...), append(off, less...)
	case *ast.CallExpr:
		function, ok := e.Fun.(*ast.SelectorExpr)
		if !ok || function.Sel.Name != "Enabled" || len(e.Args) != 1 {
			return nil, nil
		}
		gate, ok := e.Args[0].(*ast.SelectorExpr)
		if !ok {
			return nil, nil
		}
		if negated {
			return nil, []string{gate.Sel.Name}
		}
		return []string{gate.Sel.Name}, nil
	}
	return nil, nil
}

// defaultOf returns how the API server fills in a field, or nil where it does not.
// known is false where that can't be told.
func (f *Facts) defaultOf(structName, field string) (found []Default, known bool) {
	for _, d := range f.Defaults {
		if d.Struct == structName && d.Field == field {
			found = append(found, d)
		}
	}
	return found, f.Defaults != nil
}
