package upgrade

import (
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

func TestRow(t *testing.T) {
	for name, test := range map[string]struct {
		row                Row
		outcome, deviation string
	}{
		"kept":                    {Row{Expected: Kept}, "kept", ""},
		"restarted":               {Row{Expected: Restarts, After: []string{"b"}}, "restarted", ""},
		"restarted without need":  {Row{Expected: Kept, After: []string{"b"}}, "restarted", "restarted without need"},
		"edit was suppressed":     {Row{Expected: Restarts, Reason: edited}, "kept", "was not restarted: " + edited},
		"restarted twice":         {Row{Expected: Restarts, After: []string{"b", "c"}}, "restarted 2 times", "restarted 2 times instead of once"},
		"does not run":            {Row{Expected: Kept, Gone: true}, "kept, gone", "does not run any more"},
		"restarted, does not run": {Row{Expected: Restarts, After: []string{"b"}, Gone: true}, "restarted, gone", "does not run any more"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.row.Outcome(); got != test.outcome {
				t.Errorf("outcome %q, want %q", got, test.outcome)
			}
			if got := test.row.Deviation(); got != test.deviation {
				t.Errorf("deviation %q, want %q", got, test.deviation)
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

func TestExpected(t *testing.T) {
	stock30 := Kubelet{Version: version(t, "v1.30.14")}
	stock31 := Kubelet{Version: version(t, "v1.31.0")}
	patched31 := Kubelet{Version: version(t, "v1.31.0"), Patched: true}
	app := container{containerName: plainApp}
	for name, test := range map[string]struct {
		scenario string
		to       Kubelet
		want     Expected
	}{
		"patched":               {"plain", patched31, Kept},
		"stock":                 {"plain", stock31, Restarts},
		"patched, edited":       {"edit-during", patched31, Restarts},
		"patched, edit undone":  {"edit-undone", patched31, Kept},
		"patched, switched off": {"disabled", patched31, Restarts},
		"patched, state lost":   {"lost", patched31, Kept},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := Find(test.scenario)
			if err != nil {
				t.Fatal(err)
			}
			got, reason := found[0].expected(Options{From: stock30, To: test.to})(app)
			if got != test.want || (got == Restarts) != (reason != "") {
				t.Errorf("got %s (%q), want %s", got, reason, test.want)
			}
		})
	}
}

// Whatever a scenario expects to be restarted is there, for each pair of versions.
func TestScenariosNameContainersThatAreThere(t *testing.T) {
	known := map[containerName]bool{}
	for _, c := range containersOf(podsFor(version(t, "v1.30.14"), version(t, "v1.30.14"))) {
		known[c.containerName] = true
	}
	for _, scenario := range Scenarios() {
		for name := range scenario.restarts {
			if !known[name] {
				t.Errorf("scenario %s: there is no container %s", scenario.Name, name)
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
	if names != "off-and-on,rollback,forth-and-back,dropped-fields" {
		t.Errorf("got %q", names)
	}
}

func TestFitting(t *testing.T) {
	var left []string
	options := Options{
		To:  Kubelet{Patched: true},
		Say: func(_ string, args ...any) { left = append(left, args[0].(error).Error()) },
	}
	fit := Fitting(options, Scenarios())
	if got := Names(fit, func(s Scenario) bool { return s.Via || s.PatchedFrom }); got != "" {
		t.Errorf("%s lack something and are not left out", got)
	}
	if len(left) != 6 || len(fit)+len(left) != len(Scenarios()) {
		t.Errorf("left out %q, want the edit of a sidecar, hops, and the four that need two patched kubelets", left)
	}
	for _, scenario := range Fitting(Options{Say: options.Say}, Scenarios()) {
		if scenario.PatchedTo {
			t.Errorf("scenario %s is not left out for a stock kubelet", scenario.Name)
		}
	}
}
