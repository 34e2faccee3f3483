package upgrade

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// The lines are those of real kubelets, of 1.20 and of later ones.
func TestLooksIn(t *testing.T) {
	got := looksIn(`I1128 23:37:56.126340   32510 kuberuntime_manager.go:679] computePodActions got {KillPod:false CreateSandbox:false SandboxID:ab Attempt:0 NextInitContainerToStart:nil ContainersToStart:[] ContainersToKill:map[] EphemeralContainersToStart:[]} for pod "static-steadylet_ns-1(b6)"
I1128 23:37:56.126340   32510 kuberuntime_manager.go:1053] "computePodActions got for pod" podActions={"KillPod":false,"ContainersToStart":null,"ContainersToKill":{}} pod="ns-1/plain"
I1128 23:37:57.126340   32510 kuberuntime_manager.go:1053] "computePodActions got for pod" podActions="KillPod: false, ContainersToKill: map[pod=\"ns/other\"]" pod="ns-1/plain"
I1128 23:37:57.126340   32510 kuberuntime_manager.go:1053] "computePodActions got for pod" podActions={"KillPod":false} pod="ns-1/static-uid-steadylet"
I1128 23:37:57.126340   32510 kubelet.go:2404] "SyncLoop (SYNC) pods" total=1 pods=["ns-1/recent"]
I1128 23:37:57.126340   32510 kuberuntime_manager.go:1053] "computePodActions got for pod" podActions={"KillPod":false} pod="ns-1/rec`)
	if diff := cmp.Diff(map[string]int{"static": 1, "plain": 2, "static-uid": 1}, got); diff != "" {
		t.Errorf("looks (-want +got):\n%s", diff)
	}
}

// What other pods get does not make up for one that is never looked at, nor what was done
// before the mark.
func TestUnlooked(t *testing.T) {
	process, err := testnode.Start(t.TempDir(), "kubelet", "/bin/sh", "-c", "exec sleep 100")
	if err != nil {
		t.Fatal(err)
	}
	defer process.Kill()
	c := &cluster{kubelet: process, pods: []pod{{name: "a"}, {name: "b", static: true}}}
	const a, b = `"computePodActions got for pod" podActions={} pod="ns/a"` + "\n", `"computePodActions got for pod" podActions={} pod="ns/b-` + testnode.NodeName + "\"\n"
	for _, test := range []struct {
		adds string
		mark bool
		want []string
	}{
		{"", false, []string{"a", "b"}},
		{a + a + a + a, false, []string{"b"}},
		{b, false, []string{"b"}},
		{b, false, nil},
		{"", true, []string{"a", "b"}},
		{a + b + b, false, []string{"a"}},
		{a, false, nil},
	} {
		log, err := os.OpenFile(process.Log(), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := log.WriteString(test.adds); err != nil {
			t.Fatal(err)
		}
		log.Close()
		if test.mark {
			if err := c.markLog(); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := c.unlooked(); err != nil || !cmp.Equal(got, test.want) {
			t.Errorf("after %q: got %v, %v, want %v", test.adds, got, err, test.want)
		}
	}
}

// An edit has been read when the kubelet's list has all that was asked for last.
func TestPodListHas(t *testing.T) {
	r := &run{asked: map[containerName]object{}}
	r.noteAsked(staticApp, variable("one"))
	r.noteAsked(staticApp, otherTag)
	r.noteAsked(staticApp, variable("two"))
	asked, err := plain(r.asked[staticApp])
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		pod, container, image, value string
		want                         bool
	}{
		"read":                {"static-steadylet", "app", testnode.EditedImage, "two", true},
		"the one before":      {"static-steadylet", "app", testnode.EditedImage, "one", false},
		"another image":       {"static-steadylet", "app", testnode.AppImage, "two", false},
		"another pod's":       {"static-uid-steadylet", "app", testnode.EditedImage, "two", false},
		"another container's": {"static-steadylet", "helper", testnode.EditedImage, "two", false},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := json.Marshal(object{"items": list{object{"metadata": object{"name": test.pod}, "spec": object{
				"containers": list{sleeper(test.container, object{"image": test.image, "env": variable(test.value)["env"]})},
			}}}})
			if err != nil {
				t.Fatal(err)
			}
			var found podList
			if err := json.Unmarshal(data, &found); err != nil {
				t.Fatal(err)
			}
			if got := found.has(staticApp, asked); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
