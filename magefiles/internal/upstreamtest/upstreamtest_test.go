package upstreamtest

import (
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
