package containers_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/containers"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// old is a container of an API pod, as it was before.
var old = containers.Container{ID: "old", Namespace: "db", Pod: "postgres", PodUID: "uid", Name: "app", Image: "sha256:one", ImageName: "app:v1", CreatedAt: start.Add(-time.Hour)}

// with returns a changed copy.
func with(change func(*containers.Container)) containers.Container {
	container := old
	change(&container)
	return container
}

// static is old in a static pod.
var static = with(func(c *containers.Container) { c.Static, c.Manifest, c.ImageName = true, "digest", "" })

// next is a younger container in the place of another.
func next(of containers.Container, change func(*containers.Container)) containers.Container {
	of.ID, of.Attempt, of.CreatedAt = "new", of.Attempt+1, start.Add(time.Second)
	if change != nil {
		change(&of)
	}
	return containers.Running(of)
}

func ended(at time.Time, code int32, reason string) containers.Container {
	return containers.EndedAs(old, containers.Ended{At: at, ExitCode: code, Reason: reason})
}

func TestCompare(t *testing.T) {
	pod, manifest := map[string]bool{"uid": true}, map[string]string{"db/postgres": "digest"}
	killed := ended(start.Add(time.Second), 137, "Error")
	for name, test := range map[string]struct {
		before containers.Container
		now    containers.Now
		want   map[containers.Kind]int
	}{
		"kept": {old, containers.Now{Containers: []containers.Container{containers.Running(old)}, Pods: pod}, map[containers.Kind]int{containers.Kept: 1}},
		"replaced": {old, containers.Now{Containers: []containers.Container{killed, next(old, nil)}, Pods: pod},
			map[containers.Kind]int{containers.Replaced: 1}},
		"replaced, and the old one removed": {old, containers.Now{Containers: []containers.Container{next(old, nil)}, Pods: pod},
			map[containers.Kind]int{containers.Replaced: 1}},
		"replaced, and the new one ended too": {old, containers.Now{Containers: []containers.Container{killed, containers.EndedAs(next(old, nil), containers.Ended{})}, Pods: pod},
			map[containers.Kind]int{containers.Replaced: 1}},
		"edited": {old, containers.Now{Containers: []containers.Container{killed, next(old, func(c *containers.Container) { c.Image = "sha256:two" })}, Pods: pod},
			map[containers.Kind]int{containers.Edited: 1}},
		"edited to a tag of the same content, where the runtime knows names": {old, containers.Now{Containers: []containers.Container{killed, next(old, func(c *containers.Container) { c.ImageName = "app:v2" })}, Pods: pod},
			map[containers.Kind]int{containers.Edited: 1}},
		"died, started again": {old, containers.Now{Containers: []containers.Container{ended(start.Add(-time.Second), 1, "Error"), next(old, nil)}, Pods: pod},
			map[containers.Kind]int{containers.Died: 1}},
		"died for want of memory": {old, containers.Now{Containers: []containers.Container{ended(start.Add(time.Second), 137, "OOMKilled"), next(old, nil)}, Pods: pod},
			map[containers.Kind]int{containers.Died: 1}},
		"crashed as it did before": {with(func(c *containers.Container) { c.Attempt = 4 }), containers.Now{Containers: []containers.Container{ended(start.Add(time.Second), 1, "Error"), next(old, nil)}, Pods: pod},
			map[containers.Kind]int{containers.Died: 1}},
		"ended in an error, for the first time": {old, containers.Now{Containers: []containers.Container{ended(start.Add(time.Second), 1, "Error"), next(old, nil)}, Pods: pod},
			map[containers.Kind]int{containers.Replaced: 1}},
		"killed, and started again before": {with(func(c *containers.Container) { c.Attempt = 4 }), containers.Now{Containers: []containers.Container{killed, next(old, nil)}, Pods: pod},
			map[containers.Kind]int{containers.Replaced: 1}},
		"its work is done": {old, containers.Now{Containers: []containers.Container{ended(start.Add(time.Second), 0, "Completed")}, Pods: pod},
			map[containers.Kind]int{containers.Died: 1}},
		"lost": {old, containers.Now{Containers: []containers.Container{killed}, Pods: pod}, map[containers.Kind]int{containers.Lost: 1}},
		"gone": {old, containers.Now{Containers: []containers.Container{killed}, Pods: map[string]bool{"uid": false}}, map[containers.Kind]int{containers.Gone: 1}},
		"another pod of the same name": {old, containers.Now{Containers: []containers.Container{next(old, func(c *containers.Container) { c.PodUID = "other" })}, Pods: map[string]bool{"other": true}},
			map[containers.Kind]int{containers.Gone: 1, containers.New: 1}},
		"a static pod under another UID": {static, containers.Now{Containers: []containers.Container{next(static, func(c *containers.Container) { c.PodUID = "other" })}, Manifests: manifest},
			map[containers.Kind]int{containers.Replaced: 1}},
		"a static pod that is not started again yet": {static, containers.Now{Manifests: manifest}, map[containers.Kind]int{containers.Lost: 1}},
		"a static pod whose manifest was edited": {static, containers.Now{Containers: []containers.Container{next(static, func(c *containers.Container) { c.PodUID = "other" })}, Manifests: map[string]string{"db/postgres": "other"}},
			map[containers.Kind]int{containers.Edited: 1}},
		"a static pod whose manifest is gone": {static, containers.Now{}, map[containers.Kind]int{containers.Gone: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			report := containers.Compare(containers.Snapshot{Containers: []containers.Container{test.before}}, test.now, start)
			if diff := cmp.Diff(test.want, report.Counts); diff != "" {
				t.Errorf("%s\n%+v", diff, report.Changes)
			}
			if want := test.want[containers.Replaced] + test.want[containers.Lost]; report.Needless != want {
				t.Errorf("%d are needless, want %d", report.Needless, want)
			}
		})
	}
}

// Two containers of one pod, and a sidecar's name in another pod: each has its own
// successor.
func TestCompareTellsContainersApart(t *testing.T) {
	helper := with(func(c *containers.Container) { c.ID, c.Name = "helper", "helper" })
	other := with(func(c *containers.Container) { c.ID, c.Pod, c.PodUID = "other", "web", "uid-of-web" })
	report := containers.Compare(containers.Snapshot{Containers: []containers.Container{old, helper, other}}, containers.Now{
		Containers: []containers.Container{next(old, nil), containers.Running(helper), containers.Running(other)},
		Pods:       map[string]bool{"uid": true, "uid-of-web": true},
	}, start)
	if diff := cmp.Diff(map[containers.Kind]int{containers.Replaced: 1, containers.Kept: 2}, report.Counts); diff != "" {
		t.Error(diff)
	}
	if by := report.Changes[0].By; by == nil || by.ID != "new" {
		t.Errorf("its successor is %+v", by)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"takenAt": "2026-01-02T03:04:05Z", "node": {"runtimeEndpoint": "unix:///cri", "nodeName": "n"}, "containers": [{"id": "a"}]}`))
	f.Add([]byte(`{"takenAt": "2026-01-02T03:04:05Z", "node": {}, "containers": null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		snapshot, err := containers.Decode(data)
		if err != nil {
			return
		}
		// With nothing on the node, each is gone or lost, and counted once.
		if report := containers.Compare(snapshot, containers.Now{}, start); len(report.Changes) != len(snapshot.Containers) {
			t.Errorf("%d changes of %d containers", len(report.Changes), len(snapshot.Containers))
		}
	})
}
