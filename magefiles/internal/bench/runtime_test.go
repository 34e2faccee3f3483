package bench

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"testing"
)

// The benchmark is compiled only when it is run: it must call what the series has.
func TestTheBenchmarkFitsTheSeries(t *testing.T) {
	patch, err := os.ReadFile("../../../patches/restart-suppression/0001-steadylet-package.patch")
	if err != nil {
		t.Fatal(err)
	}
	signature := regexp.MustCompile(`(?m)^\+(func Start\(.*\)) \{$`).FindSubmatch(patch)
	if signature == nil {
		t.Fatal("the series has no function Start")
	}
	wanted, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+string(signature[1]), 0)
	if err != nil {
		t.Fatal(err)
	}
	benchmark, err := parser.ParseFile(token.NewFileSet(), "", decisionBenchmark, 0)
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	ast.Inspect(benchmark, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		if callee, ok := call.Fun.(*ast.SelectorExpr); ok && callee.Sel.Name == "Start" {
			calls++
			if got, want := len(call.Args), wanted.Decls[0].(*ast.FuncDecl).Type.Params.NumFields(); got != want {
				t.Errorf("Start is called with %d arguments, and takes %d", got, want)
			}
		}
		return true
	})
	if calls != 1 {
		t.Errorf("Start is called %d times", calls)
	}
}
