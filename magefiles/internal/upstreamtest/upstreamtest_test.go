package upstreamtest

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	passA = `{"Action":"run","Package":"p","Test":"A"}` + "\n" + `{"Action":"pass","Package":"p","Test":"A"}` + "\n"
	failA = `{"Action":"fail","Package":"p","Test":"A"}` + "\n"
	skipB = `{"Action":"skip","Package":"p","Test":"B"}` + "\n"
	whole = `{"Action":"pass","Package":"p"}`
)

func TestCompare(t *testing.T) {
	for name, test := range map[string]struct {
		stock, patched string
		want           []Difference
	}{
		"equal":           {passA + skipB + whole, "# a linker's word\n" + passA + skipB + whole, nil},
		"now fails":       {passA, failA, []Difference{{"p.A", Pass, Fail}}},
		"fails in both":   {failA, failA, nil},
		"never ended":     {passA + skipB, skipB, []Difference{{"p.A", Pass, ""}}},
		"a new one":       {skipB, skipB + passA, []Difference{{"p.A", "", Pass}}},
		"no longer fails": {failA, passA, []Difference{{"p.A", Fail, Pass}}},
	} {
		t.Run(name, func(t *testing.T) {
			stock, err := Read(strings.NewReader(test.stock))
			if err != nil {
				t.Fatal(err)
			}
			patched, err := Read(strings.NewReader(test.patched))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, Compare(stock, patched)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A package that does not compile has an outcome, and no test of it has one.
func TestRan(t *testing.T) {
	run, err := Read(strings.NewReader(`{"Action":"pass","Package":"k8s.io/a","Test":"TestA"}` + "\n" +
		`{"Action":"fail","Package":"k8s.io/a/b"}` + "\n" + `{"Action":"pass","Package":"k8s.io/c"}`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"k8s.io/a": true, "k8s.io/a/b": false, "k8s.io/c": false, "k8s.io": false} {
		if got := run.Ran(path); got != want {
			t.Errorf("%s: got %t", path, got)
		}
	}
}

// What older go commands write beside the events, later ones write as events; what tests of
// other packages print is not what is asked for.
func TestSaid(t *testing.T) {
	in := `{"Action":"start","Package":"p"}` + "\n" + `{"Action":"build-output","ImportPath":"p [p.test]","Output":"# p\n"}` + "\n" +
		`{"Action":"build-output","ImportPath":"p [p.test]","Output":"a.go:1: no space left\n"}` + "\n" + "# q\nb.go:2: undefined: x\n" +
		`{"Action":"output","Package":"q","Test":"TestA","Output":"--- FAIL: TestA\n"}` + "\n" +
		`{"Action":"build-output","ImportPath":"r","Output":"r.go:1: wrong\n"}` + "\n" + `{"Action":"fail","Package":"p"}`
	if diff := cmp.Diff("  a.go:1: no space left\n  # q\n  b.go:2: undefined: x", Said(strings.NewReader(in), "p", 3)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestCheckRan(t *testing.T) {
	const passes = `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n"
	for name, test := range map[string]struct{ printed, want string }{
		"both ran":            {passes + `{"Action":"fail","Package":"q","Test":"TestB"}`, ""},
		"one does not build":  {passes + `{"Action":"build-output","ImportPath":"q","Output":"q.go:1: wrong\n"}` + "\n" + `{"Action":"fail","Package":"q"}`, "none of q on the stock tree:\n  q.go:1: wrong"},
		"both fail":           {`{"Action":"fail","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"fail","Package":"q","Test":"TestB"}`, "none passes"},
		"nothing was printed": {"", "none of p on"},
	} {
		t.Run(name, func(t *testing.T) {
			run, err := Read(strings.NewReader(test.printed))
			if err != nil {
				t.Fatal(err)
			}
			err = run.CheckRan("stock", []string{"p", "q"}, []byte(test.printed))
			if test.want == "" && err != nil || test.want != "" && (!errors.Is(err, ErrNotRun) || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
