package upgrade

import (
	"strings"
	"testing"

	"github.com/steadylet/steadylet/internal/predict"
)

// A forecast that is not what happened fails the run, in either direction.
func TestCheckComparesTheForecast(t *testing.T) {
	says := func(verdict predict.Verdict) predict.Forecast {
		return predict.Forecast{Verdict: verdict, Reason: "because"}
	}
	for name, test := range map[string]struct {
		asked, listed predict.Verdict
		restarted     bool
		want          string
	}{
		"kept, as forecast":                    {predict.Kept, predict.Kept, false, ""},
		"kept by steadylet, as forecast":       {predict.KeptBySteadylet, predict.KeptBySteadylet, false, ""},
		"restarted, as forecast":               {predict.Restarts, predict.Restarts, true, ""},
		"restarted in spite of it":             {predict.Kept, predict.Kept, true, "was forecast as kept (because)"},
		"kept in spite of it":                  {predict.Restarts, predict.Restarts, false, "was forecast as restarts (because)"},
		"not known":                            {predict.Unknown, predict.Unknown, false, "was forecast as unknown (because)"},
		"not known from the list":              {predict.Restarts, predict.Unknown, true, ""},
		"otherwise from the list":              {predict.Restarts, predict.Kept, true, "from the kubelet's list of pods"},
		"a container that was left out":        {"", "", false, "was not forecast"},
		"a verdict that nobody has thought of": {"perhaps", "perhaps", true, "was forecast as perhaps"},
	} {
		t.Run(name, func(t *testing.T) {
			row := once("a/b", Kept, "")
			if test.restarted {
				row = once("a/b", Restarts, edited, "new")
			}
			row.Forecast = &Forecasts{Asked: says(test.asked), Listed: says(test.listed)}
			err := (&Result{Path: []Kubelet{{Patched: true}}, Rows: []Row{row}}).Check()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
