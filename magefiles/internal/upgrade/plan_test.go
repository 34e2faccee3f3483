package upgrade

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What has to be replaced, by scenario and versions, and when: kubelet 1 is the old one.
func TestPlan(t *testing.T) {
	kubelet := func(text string, patched bool) Kubelet { return Kubelet{Version: version(t, text), Patched: patched} }
	stock := func(text string) Kubelet { return kubelet(text, false) }
	patched := func(text string) Kubelet { return kubelet(text, true) }
	for name, test := range map[string]struct {
		scenario string
		options  Options
		want     map[string]string
	}{
		"nothing": {"plain", Options{From: stock("v1.31.0"), To: patched("v1.36.3")}, map[string]string{}},
		"stock": {"plain", Options{From: stock("v1.31.0"), To: stock("v1.36.3")}, map[string]string{
			"static/app": "start of 2 restarts",
		}},
		"switched off": {"disabled", Options{From: stock("v1.31.0"), To: patched("v1.36.3")}, map[string]string{
			"static/app": "start of 2 restarts",
		}},
		"switched off, then on": {"off-and-on", Options{From: patched("v1.31.0"), To: patched("v1.36.3")}, map[string]string{
			"static/app": "start of 2 restarts",
		}},
		"edited before": {"edit-before", Options{From: stock("v1.31.0"), To: stock("v1.36.3")}, map[string]string{
			"plain/app": "under 1 restarts", "static/app": "start of 2 restarts",
		}},
		"edited during": {"edit-during", Options{From: stock("v1.30.14"), To: patched("v1.31.0")}, map[string]string{
			"plain/app": "start of 2 restarts",
		}},
		"edited after": {"edit-after", Options{From: stock("v1.30.14"), To: patched("v1.31.0")}, map[string]string{
			"plain/app": "under 2 restarts",
		}},
		"edited undone": {"edit-undone", Options{From: stock("v1.30.14"), To: patched("v1.31.0")}, map[string]string{}},
		"fields": {"static-spec-edit", Options{From: stock("v1.20.2"), To: patched("v1.30.14")}, map[string]string{
			"static/app": "start of 2 restarts", "static-uid/app": "start of 2 restarts", "static-newer/app": "start of 2 may restart",
		}},
		"fields, over the change of the hash": {"static-spec-edit", Options{From: stock("v1.30.14"), To: patched("v1.31.0")}, map[string]string{
			"static/app": "start of 2 restarts", "static-uid/app": "start of 2 restarts", "static-newer/app": "start of 2 restarts",
		}},
		"fields that no hash covers": {"static-spec-edit", Options{From: stock("v1.31.0"), To: patched("v1.36.3")}, map[string]string{
			"static/app": "start of 2 restarts",
		}},
		"fields, again and again": {"static-spec-edit-after", Options{From: stock("v1.20.2"), To: patched("v1.30.14")}, map[string]string{
			"static/app": "under 2 restarts, start of 3 restarts", "static-uid/app": "under 2 restarts, start of 3 restarts",
			"static-newer/app": "under 2 restarts", "static-later/app": "start of 3 restarts",
		}},
		"fields, again, under 1.31": {"static-spec-edit-after", Options{From: stock("v1.30.14"), To: patched("v1.31.0")}, map[string]string{
			"static/app": "under 2 restarts, start of 3 restarts",
		}},
		"back": {"rollback-edit", Options{From: patched("v1.20.2"), To: patched("v1.30.14")}, map[string]string{
			"plain/app": "start of 2 restarts", "static/app": "start of 2 restarts", "static-uid/app": "start of 2 may restart",
		}},
		"back over the change of the hash": {"rollback-edit", Options{From: patched("v1.30.14"), To: patched("v1.31.0")}, map[string]string{
			"plain/app": "start of 2 restarts", "static/app": "start of 2 restarts", "static-uid/app": "start of 2 may restart",
		}},
		"over another, edited": {"hops-edit", Options{From: stock("v1.20.2"), Via: patched("v1.30.14"), To: patched("v1.31.0")}, map[string]string{
			"static-uid/app": "start of 3 restarts", "static-newer/app": "start of 3 restarts",
		}},
		"over another that does not know the field": {"hops-edit", Options{From: stock("v1.20.2"), Via: patched("v1.29.6"), To: patched("v1.31.0")}, map[string]string{
			"static-uid/app": "start of 3 restarts", "static-newer/app": "start of 3 may restart",
		}},
		"a stock one in between": {"stock-between", Options{From: stock("v1.20.2"), To: patched("v1.30.14")}, map[string]string{
			"static/app": "start of 2 restarts", "late-recent/app": "start of 3 may restart", "late-static-uid/app": "start of 3 may restart",
		}},
		"a stock one in between, before the change of the hash": {"stock-between", Options{From: stock("v1.30.14"), To: patched("v1.36.3")}, map[string]string{
			"plain/app": "start of 2 restarts", "rich/app": "start of 2 restarts", "rich/helper": "start of 2 restarts", "init/app": "start of 2 restarts",
			"recent/app": "start of 2 restarts", "sidecar/app": "start of 2 restarts", "static-uid/app": "start of 2 restarts", "static/app": "start of 2 restarts",
		}},
		"edited, and back": {"edit-and-back", Options{From: stock("v1.30.14"), To: patched("v1.31.0")}, map[string]string{
			"plain/app": "under 1 restarts, start of 2 restarts",
		}},
		"edited under one that hashes less, and back": {"forth-and-back-edit", Options{From: patched("v1.30.14"), To: patched("v1.31.0")}, map[string]string{
			"static-uid/app": "start of 3 restarts",
		}},
		"edited under one that hashes as much, and back": {"forth-and-back-edit", Options{From: patched("v1.20.2"), To: patched("v1.30.14")}, map[string]string{
			"static-uid/app": "under 2 restarts",
		}},
		"edited where none hashes it, and back": {"forth-and-back-edit", Options{From: patched("v1.31.0"), To: patched("v1.36.3")}, map[string]string{}},
		"back to one that can't tell, with a clock that was set back": {"dropped-fields-clock", Options{From: patched("v1.20.2"), To: patched("v1.30.14")}, map[string]string{
			"recent/app": "start of 2 restarts", "rich/app": "start of 2 restarts",
		}},
		"back to one that knows resizePolicy, with such a clock": {"dropped-fields-clock", Options{From: patched("v1.29.6"), To: patched("v1.30.14")}, map[string]string{
			"recent/app": "start of 2 restarts",
		}},
		"back to the stock one": {"stock-again", Options{From: stock("v1.30.14"), To: patched("v1.31.0")}, map[string]string{}},
		"resized": {"resize-policy", Options{From: stock("v1.31.0"), To: patched("v1.36.3")}, map[string]string{
			"resize/app": "start of 2 may restart",
		}},
		"a sidecar that 1.31 has kept": {"hops-of-stock", Options{From: stock("v1.30.14"), Via: stock("v1.31.0"), To: stock("v1.36.3")}, map[string]string{
			"plain/app": "start of 2 restarts", "rich/app": "start of 2 restarts", "rich/helper": "start of 2 restarts", "init/app": "start of 2 restarts",
			"recent/app": "start of 2 restarts", "sidecar/app": "start of 2 restarts", "static-uid/app": "start of 2 restarts",
			"static/app": "start of 2 restarts, start of 3 restarts", "sidecar/proxy": "start of 3 restarts",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, planned(t, test.scenario, test.options)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// planned says for each container what has to happen to it, other than nothing.
func planned(t *testing.T, name string, options Options) map[string]string {
	t.Helper()
	scenario := Scenario{Name: name, path: overAnother}
	if name != "hops-of-stock" {
		found, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		scenario = found[0]
	}
	got := map[string]string{}
	for _, stage := range scenario.plan(options, scenario.everyContainer(options)) {
		when := fmt.Sprintf("start of %d", stage.kubelet+1)
		if stage.running {
			when = fmt.Sprintf("under %d", stage.kubelet+1)
		}
		for container, expected := range stage.expected {
			if expected.Expected == Kept {
				continue
			}
			if expected.Reason == "" {
				t.Errorf("%s: %s %s for no reason", when, container, expected.Expected)
			}
			said := fmt.Sprintf("%s %s", when, expected.Expected)
			if before := got[container.String()]; before != "" {
				said = before + ", " + said
			}
			got[container.String()] = said
		}
	}
	return got
}

// Every effect is on a container that is there, and every event in the path.
func TestScenariosNameWhatIsThere(t *testing.T) {
	options := Options{
		From: Kubelet{Version: version(t, "v1.30.14")}, Via: Kubelet{Version: version(t, "v1.31.0")}, To: Kubelet{Version: version(t, "v1.36.3")},
	}
	names := map[string]bool{}
	for _, scenario := range Scenarios() {
		if names[scenario.Name] || scenario.Summary == "" {
			t.Errorf("scenario %s: there are two of that name, or it says nothing", scenario.Name)
		}
		names[scenario.Name] = true
		known := map[containerName]bool{}
		for _, c := range scenario.everyContainer(options) {
			known[c.containerName] = true
		}
		path := scenario.kubelets(options)
		for _, event := range scenario.events {
			if event.change == nil || event.kubelet >= len(path) || event.kubelet < -1 || event.kubelet == 0 && !event.running {
				t.Errorf("scenario %s: an event has no change, or no place in the run", scenario.Name)
			}
			for _, effect := range event.effects {
				if !known[effect.container] {
					t.Errorf("scenario %s: there is no container %s", scenario.Name, effect.container)
				}
			}
		}
	}
}
