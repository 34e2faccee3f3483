package upgrade

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/predict"
	"github.com/steadylet/steadylet/statefile"
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

// Every scenario is compared with the forecast, but for what somebody does to a container,
// and where a stock kubelet runs in between.
func TestEveryScenarioIsForeseen(t *testing.T) {
	stock := func(text string) Kubelet { return Kubelet{Version: version(t, text)} }
	patched := func(text string) Kubelet { return Kubelet{Version: version(t, text), Patched: true} }
	for name, test := range map[string]struct {
		from, via, to Kubelet
		without       string
	}{
		"from stock":         {stock("v1.30.14"), patched("v1.31.0"), patched("v1.36.3"), "stock-between"},
		"from patched":       {patched("v1.30.14"), patched("v1.31.0"), patched("v1.36.3"), "disabled,disabled-by-variable,off-and-on"},
		"stock in between":   {patched("v1.30.14"), stock("v1.31.0"), patched("v1.36.3"), "disabled,disabled-by-variable,off-and-on,hops,hops-edit"},
		"nothing is patched": {stock("v1.30.14"), stock("v1.31.0"), stock("v1.36.3"), "hops,hops-edit,stock-between,stock-again,forth-and-back,forth-and-back-edit"},
	} {
		options := Options{From: test.from, Via: test.via, To: test.to}
		without := Names(Scenarios(), func(s Scenario) bool { return !s.foreseen(options) })
		if diff := cmp.Diff(strings.Split(test.without, ","), strings.Split(without, ",")); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
	touched := map[string]bool{}
	for _, scenario := range Scenarios() {
		pods, _ := scenario.pods(Options{From: stock("v1.30.14"), Via: stock("v1.31.0"), To: stock("v1.36.3")})
		left := 0
		for _, c := range containersOf(pods) {
			if !scenario.touched(c.containerName) {
				left++
				continue
			}
			touched[scenario.Name] = true
		}
		if left < 4 {
			t.Errorf("scenario %s: %d containers are compared", scenario.Name, left)
		}
	}
	for _, name := range []string{"plain", "lost", "killed", "hops", "newer-fields", "dropped-fields", "resize-policy"} {
		if touched[name] {
			t.Errorf("scenario %s: a container isn't compared, and nobody does anything to it", name)
		}
	}
}

// A run compares what it has to, a container that was left out of the forecast too.
func TestARunComparesWhatNobodyTouches(t *testing.T) {
	found, err := Find("edit-during")
	if err != nil {
		t.Fatal(err)
	}
	r := &run{scenario: found[0]}
	if r.forecastOf(richApp) != nil {
		t.Error("there is a forecast without one")
	}
	planted := Forecasts{Asked: predict.Forecast{Verdict: predict.Restarts}}
	r.forecasts = map[containerName]Forecasts{plainApp: planted, richApp: planted}
	if r.forecastOf(plainApp) != nil {
		t.Error("the container that is edited is compared")
	}
	if forecast := r.forecastOf(richApp); forecast == nil || forecast.Difference(false) == "" {
		t.Error("a planted difference is none")
	}
	if forecast := r.forecastOf(richHelper); forecast == nil || forecast.Difference(false) != "was not forecast" {
		t.Error("a container that was left out of the forecast is no difference")
	}
}

// Without a node: of each pair of versions and each scenario, the forecast of the rig's own
// pods is what the rig expects of them.
func TestForecastIsWhatTheRigExpects(t *testing.T) {
	versions := []string{"v1.20.2", "v1.28.15", "v1.30.14", "v1.31.0", "v1.32.13", "v1.33.13", "v1.36.3", "v1.37.2"}
	compared, differences := 0, 0
	for i, from := range versions {
		for j, to := range versions {
			for _, kinds := range [][2]bool{{false, false}, {false, true}, {true, true}} {
				if i == j || i > j && !kinds[0] {
					continue // the way back goes by the record
				}
				options := Options{From: Kubelet{Version: version(t, from), Patched: kinds[0]}, To: Kubelet{Version: version(t, to), Patched: kinds[1]}}
				options.Via = options.To
				for _, scenario := range Scenarios() {
					if scenario.Check(options) != nil || !scenario.foreseen(options) {
						continue
					}
					forecasts := forecastsOf(t, scenario, options)
					for name, want := range expectedOf(scenario, options) {
						compared++
						if said := differs(forecasts[name], want); said != "" {
							if differences++; differences < 20 {
								t.Errorf("%s -> %s, %s, %s: %s", options.From, options.To, scenario.Name, name, said)
							}
						}
					}
				}
			}
		}
	}
	if compared < 5_000 {
		t.Errorf("%d outcomes are compared", compared)
	}
}

// expectedOf says of each container that is compared whether the rig expects a restart. Of
// what may restart, the forecast says that it does.
func expectedOf(scenario Scenario, options Options) map[containerName]bool {
	pods, _ := scenario.pods(options)
	containers := containersOf(pods)
	expected := map[containerName]bool{}
	for _, c := range containers {
		if scenario.touched(c.containerName) {
			continue
		}
		expected[c.containerName] = false
		for _, stage := range scenario.plan(options, containers) {
			if stage.expected[c.containerName].Expected != "" && stage.expected[c.containerName].Expected != Kept {
				expected[c.containerName] = true
			}
		}
	}
	return expected
}

// forecastsOf forecasts the pods of a scenario as the first kubelet has them.
func forecastsOf(t *testing.T, scenario Scenario, options Options) map[containerName]predict.Forecast {
	t.Helper()
	r := &run{scenario: scenario, options: options}
	path := scenario.kubelets(options)
	upgrade := predict.Upgrade{From: path[0].foreseen(), To: path[len(path)-1].foreseen(), Now: time.Unix(1e9, 0)}
	upgrade.To.Patched = upgrade.To.Patched && !scenario.asStock
	if upgrade.From.Patched {
		upgrade.State = statefile.State{}.Started(upgrade.From.Text, time.Unix(0, 0))
	}
	found := map[containerName]predict.Forecast{}
	pods, _ := scenario.pods(options)
	for _, pod := range pods {
		data, err := json.Marshal(pod.manifest("default"))
		if err != nil {
			t.Fatal(err)
		}
		var read predict.Pod
		if pod.static {
			read, err = predict.ReadManifest(data)
		} else {
			_, err = predict.ReadPods(bytes.NewReader(data), func(pod predict.Pod) error { read = pod; return nil })
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range read.Containers {
			c := &read.Containers[i]
			if hash, ok := statefile.HashBy(upgrade.From.Text, c.Spec, c.Image, c.Name); ok && !pod.static {
				c.Annotated, c.Exact = &hash, true
			}
		}
		r.collect(upgrade, []predict.Pod{read}, func(name containerName, f predict.Forecast) { found[name] = f })
	}
	return found
}
