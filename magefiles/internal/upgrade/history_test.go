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
	looks := func(looks ...[]testnode.Container) {
		t.Helper()
		for _, look := range looks {
			if !h.add(look) {
				t.Error("a new container is no change")
			}
		}
	}
	h.mark()
	looks(
		[]testnode.Container{seen("a1", "kept", true), seen("b2", "twice", false), seen("d2", "prepared-again", true)},
		[]testnode.Container{seen("a1", "kept", true), seen("b3", "twice", true), seen("d2", "prepared-again", false)},
	)
	h.mark()
	looks([]testnode.Container{seen("a1", "kept", true), seen("b4", "twice", true), seen("d2", "prepared-again", false)})
	stages := []stage{
		{title: "first", expected: map[containerName]expectation{{"pod", "twice"}: {Restarts, edited}}},
		{title: "second"},
	}
	row := func(name, before string, gone bool, want Expected, reason string, first, second []string) Row {
		return Row{Container: "pod/" + name, Before: before, Gone: gone, Stages: []Happening{
			{Stage: "first", Expected: want, Reason: reason, After: first}, {Stage: "second", Expected: Kept, After: second},
		}}
	}
	none := []string{}
	want := []Row{
		row("kept", "a1", false, Kept, "", none, none),
		row("twice", "b1", false, Restarts, edited, []string{"b2", "b3"}, []string{"b4"}),
		row("prepare", "c1", false, Kept, "", none, none),
		row("prepared-again", "d1", false, Kept, "", []string{"d2"}, none),
		row("dead", "e1", true, Kept, "", none, none),
	}
	var rows []Row
	for _, c := range containers {
		rows = append(rows, h.row(c, stages))
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// A container that is created late is not one that was replaced, and one that is replaced
// while it is created is.
func TestLateContainers(t *testing.T) {
	h, late, other := newHistory(), containerName{"pod", "late"}, containerName{"pod", "other"}
	first := seen("a1", "other", true)
	h.add([]testnode.Container{first})
	h.mark()
	h.mark()
	h.add([]testnode.Container{seen("a2", "other", true), seen("b1", "late", false)})
	h.add([]testnode.Container{seen("a2", "other", true), seen("b2", "late", true)})
	h.begin()
	h.mark()
	h.add([]testnode.Container{seen("a2", "other", true), seen("b3", "late", true)})
	stages := []stage{{title: "1"}, {title: "2"}, {title: "3"}}
	happened := func(name containerName) (before string, after [][]string) {
		row := h.row(container{containerName: name}, stages)
		for _, stage := range row.Stages {
			after = append(after, stage.After)
		}
		return row.Before, after
	}
	if before, after := happened(late); before != "b2" || !cmp.Equal(after, [][]string{{}, {}, {"b3"}}) {
		t.Errorf("late: got %s, then %v", before, after)
	}
	if before, after := happened(other); before != "a1" || !cmp.Equal(after, [][]string{{}, {"a2"}, {}}) {
		t.Errorf("other: got %s, then %v", before, after)
	}
}
