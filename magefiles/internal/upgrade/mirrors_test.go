package upgrade

import (
	"strings"
	"testing"
)

func TestCompareMirrors(t *testing.T) {
	before := map[string]mirror{"a": {"1", true}, "b": {"2", true}}
	for name, test := range map[string]struct {
		now  map[string]mirror
		want string
	}{
		"the same":              {map[string]mirror{"a": {"1", true}, "b": {"2", true}}, ""},
		"one that was not kept": {map[string]mirror{"a": {"1", true}, "b": {"3", false}}, ""},
		"another":               {map[string]mirror{"a": {"3", true}}, "UID 1 became 3"},
		"not ready":             {map[string]mirror{"a": {"1", false}}, "not ready"},
		"gone":                  {map[string]mirror{"b": {"2", true}}, "is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			err := compareMirrors([]string{"a"}, before, test.now)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// A static pod that is edited, or was replaced, is not one that is kept.
func TestKeeps(t *testing.T) {
	found, err := Find("static-uid-edit")
	if err != nil {
		t.Fatal(err)
	}
	options := Options{From: Kubelet{Version: version(t, "v1.31.0")}, To: Kubelet{Version: version(t, "v1.36.3"), Patched: true}}
	pods, _ := found[0].pods(options)
	r := newRun(options, found[0], &cluster{pods: pods, history: newHistory()})
	r.cluster.history.mark()
	keeps := func(name string) bool {
		for _, pod := range pods {
			if pod.name == name {
				return r.keeps(pod)
			}
		}
		t.Fatalf("no pod %s", name)
		return false
	}
	if keeps(staticUID.Pod) || !keeps(staticApp.Pod) {
		t.Error("the static pod that is edited is kept, or the other one is not")
	}
	r.cluster.history.ids[staticApp] = []string{"new"}
	if keeps(staticApp.Pod) {
		t.Error("a static pod that was replaced is kept")
	}
}
