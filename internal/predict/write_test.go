package predict_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/internal/predict"
)

// The reasons of a table begin in one column, however long the names are; and none of many
// lines is lost, or moves.
func TestTable(t *testing.T) {
	for _, rows := range []int{0, 2, 198, 199, 200, 500} {
		var out strings.Builder
		w := predict.NewWriter(&out, "table", predict.Upgrade{})
		for i := range rows {
			forecast := predict.Forecast{
				Namespace: "kube-system", Pod: fmt.Sprintf("kube-controller-manager-control-plane-%03d", i),
				Container: "kube-controller-manager", Verdict: predict.Kept, Reason: "because",
			}
			if i == 0 {
				forecast.Pod = "p"
			}
			if err := w.Add(forecast); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		_, table, _ := strings.Cut(out.String(), "\n\n")
		table, _, _ = strings.Cut(table, "\n\n")
		lines := strings.Split(table, "\n")
		if len(lines) != rows+1 {
			t.Fatalf("%d rows: the table has %d lines:\n%s", rows, len(lines), out.String())
		}
		column := strings.Index(lines[0], "WHY")
		for i, line := range lines[1:] {
			if strings.Index(line, "because") != column || i > 0 && !strings.Contains(line, fmt.Sprintf("-%03d/", i)) {
				t.Errorf("%d rows: line %d is %q, under %q", rows, i, line, lines[0])
			}
		}
	}
}
