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

// Rounds of a benchmark are one, and each figure takes of them what suits it.
func TestCollect(t *testing.T) {
	found, err := collect([]byte(`goos: linux
BenchmarkSave/ours-2         	      10	   3000 ns/op	     128 B/op	       7 allocs/op
BenchmarkSave/theirs-2       	      10	   1500 ns/op
BenchmarkSave/ours#01-2      	      10	   1000 ns/op	     128 B/op	       5 allocs/op
BenchmarkSave/ours#02-2      	      10	   9000 ns/op	     128 B/op	       6 allocs/op
PASS
`))
	if err != nil {
		t.Fatal(err)
	}
	ours, allocations := found["Save/ours"], found["Save/ours allocations"]
	for what, pair := range map[string][2]float64{
		"lowest":      {ours.lowest(), 1000},
		"median":      {ours.median(), 3000},
		"allocations": {allocations.lowest(), 5},
		"theirs":      {found["Save/theirs"].lowest(), 1500},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %g, want %g", what, pair[0], pair[1])
		}
	}
	if ours.allocations || !allocations.allocations || len(found) != 4 {
		t.Errorf("found %v", found)
	}
	if _, err := collect([]byte("PASS\n")); err == nil {
		t.Error("nothing was run, and nothing is said")
	}
}
