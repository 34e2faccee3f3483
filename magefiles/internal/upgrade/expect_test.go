package upgrade

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// happened is one stage of a container's row.
func happened(expected Expected, reason string, after ...string) Happening {
	return Happening{Stage: "then", Expected: expected, Reason: reason, After: after}
}

// once is a row of a single stage.
func once(name string, expected Expected, reason string, after ...string) Row {
	return Row{Container: name, Stages: []Happening{happened(expected, reason, after...)}}
}

// Each wrong outcome is refused, in the stage in which it happened.
func TestRow(t *testing.T) {
	gone := func(row Row) Row { row.Gone = true; return row }
	stages := func(stages ...Happening) Row { return Row{Stages: stages} }
	for name, test := range map[string]struct {
		row                          Row
		expected, outcome, deviation string
	}{
		"kept":                 {once("", Kept, ""), "kept", "kept", ""},
		"restarted":            {once("", Restarts, edited, "b"), "restarts", "restarted", ""},
		"may, did":             {once("", MayRestart, edited, "b"), "may restart", "restarted", ""},
		"may, not":             {once("", MayRestart, edited), "may restart", "kept", ""},
		"kept, then restarted": {stages(happened(Kept, ""), happened(Restarts, edited, "b")), "restarts", "restarted", ""},
		"restarted in both":    {stages(happened(Restarts, edited, "b"), happened(Restarts, edited, "c")), "restarts 2 times", "restarted 2 times", ""},

		"restarted without need":        {once("", Kept, "", "b"), "kept", "restarted", "restarted without need (then)"},
		"restarted without need, twice": {once("", Kept, "", "b", "c"), "kept", "restarted 2 times", "restarted without need, 2 times (then)"},
		"edit was suppressed":           {once("", Restarts, edited), "restarts", "kept", "was not restarted: " + edited + " (then)"},
		"restarted twice":               {once("", Restarts, edited, "b", "c"), "restarts", "restarted 2 times", "restarted 2 times instead of once (then)"},
		"may once, did twice":           {once("", MayRestart, edited, "b", "c"), "may restart", "restarted 2 times", "restarted 2 times instead of once (then)"},
		"does not run":                  {gone(once("", Kept, "")), "kept", "kept, gone", "does not run any more"},
		"restarted, does not run":       {gone(once("", Restarts, edited, "b")), "restarts", "restarted, gone", "does not run any more"},
		// Two wrongs that make the right number:
		"too early": {stages(happened(Kept, "", "b"), happened(Restarts, edited)), "restarts", "restarted",
			"restarted without need (then); was not restarted: " + edited + " (then)"},
		"too late": {stages(happened(Restarts, edited), happened(Kept, "", "b")), "restarts", "restarted",
			"was not restarted: " + edited + " (then); restarted without need (then)"},
		"twice, then not at all": {stages(happened(Restarts, edited, "b", "c"), happened(Restarts, edited)), "restarts 2 times", "restarted 2 times",
			"restarted 2 times instead of once (then); was not restarted: " + edited + " (then)"},
	} {
		t.Run(name, func(t *testing.T) {
			got := []string{test.row.Expected(), test.row.Outcome(), test.row.Deviation()}
			if diff := cmp.Diff([]string{test.expected, test.outcome, test.deviation}, got); diff != "" {
				t.Errorf("expected, outcome and deviation (-want +got):\n%s", diff)
			}
			// Of what went right, whatever was replaced is accounted for.
			if test.deviation == "" && test.row.hadTo() != (test.row.Replaced() > 0) {
				t.Errorf("had to be replaced: %t, and was %d times", test.row.hadTo(), test.row.Replaced())
			}
		})
	}
}

func version(t *testing.T, text string) kubever.Version {
	t.Helper()
	parsed, err := kubever.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// What stock kubelets were measured to restart: of the pods plain, rich with a sidecar,
// static and static with a UID.
func TestStockRestartsWhatWasMeasured(t *testing.T) {
	app := container{}
	proxy := container{kind: sidecar}
	static := container{static: true, madeUpUID: true}
	fixed := container{static: true}
	for _, test := range []struct {
		from, to                  string
		app, proxy, static, fixed bool
	}{
		{"v1.20.2", "v1.30.14", false, false, true, false},
		{"v1.30.14", "v1.31.0", true, false, true, true},
		{"v1.31.0", "v1.36.3", false, false, true, false},
		{"v1.30.14", "v1.36.3", true, true, true, true},
		{"v1.36.3", "v1.37.2", false, false, true, false},
		{"v1.36.1", "v1.36.3", false, false, false, false},
		{"v1.28.0", "v1.29.6", false, false, false, false},
		{"v1.31.0", "v1.30.14", true, false, true, true},
		{"v1.36.3", "v1.30.14", true, false, true, true},
	} {
		from, to := version(t, test.from), version(t, test.to)
		for what, is := range map[string]struct {
			container container
			want      bool
		}{
			"a regular container": {app, test.app}, "a sidecar": {proxy, test.proxy}, "an init container": {container{kind: initial}, false},
			"a static pod": {static, test.static}, "a static pod with a UID": {fixed, test.fixed},
		} {
			if got := stockRestarts(is.container, from, to) != ""; got != is.want {
				t.Errorf("%s -> %s restarts %s: %t, want %t", from, to, what, got, is.want)
			}
		}
	}
}

func TestFind(t *testing.T) {
	found, err := Find("lost, plain")
	if err != nil || len(found) != 2 || found[0].Name != "lost" || found[1].Name != "plain" {
		t.Errorf("got %v, %v", found, err)
	}
	if all, err := Find("all"); err != nil || len(all) != len(Scenarios()) {
		t.Errorf("got %d scenarios, %v, want all %d", len(all), err, len(Scenarios()))
	}
	if _, err := Find("plain,nonsense"); err == nil || !strings.Contains(err.Error(), "edit-during") {
		t.Errorf("got %v, want the names that there are", err)
	}
	names := Names(Scenarios(), func(s Scenario) bool { return s.PatchedFrom })
	if names != "off-and-on,rollback,rollback-edit,forth-and-back,forth-and-back-edit,dropped-fields,dropped-fields-edit,dropped-fields-clock" {
		t.Errorf("got %q", names)
	}
}

func TestFitting(t *testing.T) {
	var left []string
	options := Options{
		From: Kubelet{Version: version(t, "v1.30.14")}, To: Kubelet{Version: version(t, "v1.31.0"), Patched: true},
		Say: func(_ string, args ...any) { left = append(left, args[0].(error).Error()) },
	}
	fit := Fitting(options, Scenarios())
	if got := Names(fit, func(s Scenario) bool { return s.Via || s.PatchedFrom }); got != "" {
		t.Errorf("%s lack something and are not left out", got)
	}
	if len(left) != 13 || len(fit)+len(left) != len(Scenarios()) {
		t.Errorf("left out %q, want the edit of a sidecar, the two hops, the eight that need two patched kubelets, newer fields, and the resize policy", left)
	}
	options.To.Patched = false
	for _, scenario := range Fitting(options, Scenarios()) {
		if scenario.PatchedTo {
			t.Errorf("scenario %s is not left out for a stock kubelet", scenario.Name)
		}
	}
}

// The help of the target names every scenario.
func TestHelpNamesTheScenarios(t *testing.T) {
	source, err := os.ReadFile("../../magefile.go")
	if err != nil {
		t.Fatal(err)
	}
	_, comment, _ := strings.Cut(string(source), "// The scenarios are ")
	comment, _, _ = strings.Cut(comment, "; -scenario=list")
	comment = strings.NewReplacer("\n// ", " ", " and ", ", ").Replace(comment)
	if want := strings.ReplaceAll(Names(Scenarios(), func(Scenario) bool { return true }), ",", ", "); comment != want {
		t.Errorf("the comment of UpgradeTest in magefile.go names %q, want %q", comment, want)
	}
	if described := Describe(Scenarios()); strings.Count(described, "\n") != len(Scenarios()) {
		t.Errorf("got %s", described)
	}
}
