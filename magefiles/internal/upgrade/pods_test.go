package upgrade

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// A pod has only what every kubelet of the run knows.
func TestPodsByVersion(t *testing.T) {
	for _, test := range []struct {
		oldest                          string
		sidecar, resize, appArmor, grpc bool
	}{
		{"v1.20.2", false, false, false, false},
		{"v1.24.0", false, false, false, true},
		{"v1.27.0", false, true, false, true},
		{"v1.29.6", true, true, false, true},
		{"v1.30.14", true, true, true, true},
		{"v1.37.2", true, true, true, true},
	} {
		oldest := version(t, test.oldest)
		var text strings.Builder
		for _, pod := range podsFor(oldest, oldest) {
			if err := json.NewEncoder(&text).Encode(pod.manifest("ns")); err != nil {
				t.Fatal(err)
			}
		}
		for what, want := range map[string]bool{
			`"restartPolicy":"Always"`: test.sidecar, `"resizePolicy"`: test.resize, `"appArmorProfile"`: test.appArmor, `"grpc"`: test.grpc,
			`"seccompProfile"`: true,
		} {
			if got := strings.Contains(text.String(), what); got != want {
				t.Errorf("%s: %s is there: %t, want %t", test.oldest, what, got, want)
			}
		}
		if got := len(gatesFor(oldest)) > 0; got != test.resize {
			t.Errorf("%s: the API server keeps resizePolicy: %t, want %t", test.oldest, got, test.resize)
		}
	}
}

// Static pods name no node, the others do; each container is known by what it is.
func TestManifestAndContainers(t *testing.T) {
	for _, pod := range podsFor(version(t, "v1.30.14"), version(t, "v1.30.14")) {
		spec := pod.manifest("ns")["spec"].(object)
		if got := spec["nodeName"] == testnode.NodeName; got == pod.static {
			t.Errorf("pod %s: names the node: %t", pod.name, got)
		}
		if spec["hostNetwork"] != true {
			t.Errorf("pod %s needs a network that the rig does not have", pod.name)
		}
	}
	kinds := map[string]container{}
	for _, c := range containersOf(podsFor(version(t, "v1.30.14"), version(t, "v1.30.14"))) {
		kinds[c.String()] = c
	}
	if kinds["init/prepare"].kind != initial || kinds["sidecar/proxy"].kind != sidecar || kinds["sidecar/app"].kind != regular {
		t.Errorf("got %+v", kinds)
	}
	if !kinds["static/app"].madeUpUID || kinds["static-uid/app"].madeUpUID || !kinds["static-uid/app"].static || kinds["plain/app"].static {
		t.Errorf("got %+v", kinds)
	}
}
