package containers

import (
	"fmt"
	"slices"
	"time"
)

// Kind is what became of a container.
type Kind string

// What can become of a container. Only Replaced and Lost are needless.
const (
	// Kept is a container that still runs.
	Kept Kind = "kept"
	// Replaced is one in whose place another runs, or ran, though its pod's spec is
	// the same as far as can be seen.
	Replaced Kind = "replaced"
	// Lost is one that was stopped, without another in its place.
	Lost Kind = "lost"
	// Edited is one whose image changed, or the manifest of its static pod.
	Edited Kind = "edited"
	// Died is one that ended by itself, whether it was started again or not: before
	// the kubelet that runs now started, for want of memory, with its work done, or as
	// it did before, with an exit code that no stop gives.
	Died Kind = "died"
	// Gone is one whose pod is no more.
	Gone Kind = "gone"
	// New is one that was not there before.
	New Kind = "new"
)

// Needless reports whether nobody asked for what became of the container.
func (k Kind) Needless() bool { return k == Replaced || k == Lost }

// Change is what became of one container.
type Change struct {
	Kind Kind `json:"kind"`
	// Container is the one of before; of what is new, the one of now.
	Container Container `json:"container"`
	// By is the one that took its place.
	By     *Container `json:"by,omitempty"`
	Reason string     `json:"reason"`
}

// Report is what became of all containers.
type Report struct {
	// Needless counts the changes that nobody asked for.
	Needless int          `json:"needless"`
	Counts   map[Kind]int `json:"counts"`
	Changes  []Change     `json:"changes"`
}

// Now is what there is on a node.
type Now struct {
	// Containers has those that ended too.
	Containers []Container
	// Pods has the UIDs of the pods that have a ready sandbox.
	Pods map[string]bool
	// Manifests has the digests of the static pods' manifests by "namespace/pod";
	// empty for one that can't be read.
	Manifests map[string]string
}

// Compare says what became of each container of before, and what is new. started is
// when the kubelet that runs now was started, or zero: what ended earlier ended by
// itself.
func Compare(before Snapshot, now Now, started time.Time) Report {
	c := comparison{now: now, started: started, byID: map[string]Container{}, known: map[string]bool{}}
	for _, container := range now.Containers {
		c.byID[container.ID] = container
	}
	for _, container := range before.Containers {
		c.known[container.ID] = true
	}
	report := Report{Counts: map[Kind]int{}, Changes: []Change{}}
	for _, container := range before.Containers {
		report.add(c.judge(container))
	}
	for _, container := range now.Containers {
		if container.running && !c.known[container.ID] {
			report.add(Change{Kind: New, Container: container, Reason: "it was not there before"})
		}
	}
	return report
}

func (r *Report) add(change Change) {
	r.Changes = append(r.Changes, change)
	r.Counts[change.Kind]++
	if change.Kind.Needless() {
		r.Needless++
	}
}

type comparison struct {
	now     Now
	started time.Time
	byID    map[string]Container
	// known has what was there before, or took the place of something that was.
	known map[string]bool
}

func (c comparison) judge(before Container) Change {
	current := c.byID[before.ID]
	if current.running {
		return Change{Kind: Kept, Container: before, Reason: "it runs"}
	}
	by := c.successor(before)
	kind, reason := c.fate(before, current, by)
	return Change{Kind: kind, Container: before, By: by, Reason: reason}
}

// successor finds the youngest container that took a container's place.
func (c comparison) successor(before Container) *Container {
	var found *Container
	for _, container := range c.now.Containers {
		if c.known[container.ID] || !before.samePlace(container) {
			continue
		}
		if found == nil || container.CreatedAt.After(found.CreatedAt) {
			found = &container
		}
	}
	if found != nil {
		c.known[found.ID] = true
	}
	return found
}

// samePlace reports whether another container is of the same name in the same pod. A
// static pod is the same by its name: its UID is made up anew by other versions.
func (c Container) samePlace(other Container) bool {
	return c.String() == other.String() && (c.PodUID == other.PodUID || c.Static && other.Static)
}

func (c comparison) fate(before, current Container, by *Container) (Kind, string) {
	if reason := c.edit(before, by); reason != "" {
		return Edited, reason
	}
	if by == nil && !c.hasPod(before) {
		return Gone, "its pod is no more"
	}
	if reason := c.itself(before, current); reason != "" {
		return Died, reason
	}
	switch {
	case by != nil && by.PodUID != before.PodUID:
		return Replaced, "its static pod was recreated under another UID, with the same manifest"
	case by != nil:
		return Replaced, "its pod and image are the same"
	case current.ended != nil && current.ended.ExitCode == 0:
		return Died, "it ended with exit code 0 and was not started again"
	}
	return Lost, "it was stopped, and none is in its place"
}

// edit says what of the spec was edited, or nothing.
func (c comparison) edit(before Container, by *Container) string {
	manifest, known := c.now.Manifests[before.Namespace+"/"+before.Pod]
	if before.Static && known && before.Manifest != "" && manifest != "" && manifest != before.Manifest {
		return "the manifest of its static pod was edited"
	}
	if by == nil {
		return ""
	}
	if by.ImageName != "" && before.ImageName != "" && by.ImageName != before.ImageName {
		return fmt.Sprintf("its image was edited, from %s to %s", before.ImageName, by.ImageName)
	}
	if by.Image != before.Image {
		return "its image is another one"
	}
	return ""
}

// hasPod reports whether a container's pod is still there, or is to be.
func (c comparison) hasPod(before Container) bool {
	if c.now.Pods[before.PodUID] {
		return true
	}
	_, manifest := c.now.Manifests[before.Namespace+"/"+before.Pod]
	return before.Static && manifest
}

// stopCodes are the exit codes of what is stopped: in good order, or by SIGINT, SIGKILL
// or SIGTERM.
var stopCodes = [...]int32{0, 130, 137, 143}

// itself says why no kubelet ended a container, or nothing. One that was removed is
// empty: nobody knows how it ended.
func (c comparison) itself(before, current Container) string {
	ended := current.ended
	switch {
	case ended == nil:
		return ""
	case ended.Reason == "OOMKilled":
		return "it was killed for want of memory"
	case ended.At.Before(c.started):
		return fmt.Sprintf("it ended with exit code %d before this kubelet started", ended.ExitCode)
	case before.Attempt > 0 && !slices.Contains(stopCodes[:], ended.ExitCode):
		// A stop may end in any code, so this alone would prove nothing.
		return fmt.Sprintf("it ended with exit code %d, and had been started again before (attempt %d)", ended.ExitCode, before.Attempt)
	}
	return ""
}
