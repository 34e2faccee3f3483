package upgrade

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

func seen(id, name string, running bool) testnode.Container {
	return testnode.Container{ID: id, Pod: "pod", Name: name, Running: running}
}

// A restart counts even if the kubelet has removed what it replaced, and what it
// replaced that by.
func TestHistory(t *testing.T) {
	named := func(name string, kind kind) container {
		return container{containerName: containerName{"pod", name}, kind: kind}
	}
	containers := []container{
		named("kept", regular), named("twice", regular), named("prepare", initial), named("prepared-again", initial), named("dead", regular),
	}
	h := newHistory()
	if h.complete(containers) {
		t.Error("nothing was seen, and it is complete")
	}
	h.add([]testnode.Container{
		seen("a1", "kept", true), seen("b1", "twice", true), seen("c1", "prepare", true), seen("d1", "prepared-again", false), seen("e1", "dead", true),
	})
	if diff := cmp.Diff([]containerName{{"pod", "prepare"}}, h.missing(containers)); diff != "" {
		t.Errorf("missing while an init container runs:\n%s", diff)
	}
	before := []testnode.Container{
		seen("a1", "kept", true), seen("b1", "twice", true), seen("c1", "prepare", false), seen("d1", "prepared-again", false), seen("e1", "dead", true),
	}
	if changed := h.add(before); changed || !h.complete(containers) {
		t.Errorf("changed %t, missing %v", changed, h.missing(containers))
	}
	h.note()
	for _, look := range [][]testnode.Container{
		{seen("a1", "kept", true), seen("b2", "twice", false), seen("d2", "prepared-again", true)},
		{seen("a1", "kept", true), seen("b3", "twice", true), seen("d2", "prepared-again", false)},
	} {
		if !h.add(look) {
			t.Error("a new container is no change")
		}
	}
	rows := h.rows(containers, func(container) (Expected, string) { return Kept, "" })
	want := []Row{
		{Container: "pod/kept", Expected: Kept, Before: "a1", After: []string{}},
		{Container: "pod/twice", Expected: Kept, Before: "b1", After: []string{"b2", "b3"}},
		{Container: "pod/prepare", Expected: Kept, Before: "c1", After: []string{}},
		{Container: "pod/prepared-again", Expected: Kept, Before: "d1", After: []string{"d2"}},
		{Container: "pod/dead", Expected: Kept, Before: "e1", After: []string{}, Gone: true},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}
