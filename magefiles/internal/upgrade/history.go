package upgrade

import (
	"slices"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// history is what was seen of containers: a kubelet removes those that have ended, and
// a container that was replaced twice must not pass for one that was replaced once.
type history struct {
	// ids has those of each name, the earliest seen first.
	ids map[containerName][]string
	// running are the IDs that ran when last looked, images the names of their images, as
	// the container runtime has them, of every ID.
	running map[string]bool
	images  map[string]string
	// marks has how many IDs of each name there were at the beginning of each stage.
	marks []map[containerName]int
	// begun has how many IDs came before anything that counts, of names that came late.
	begun map[containerName]int
}

func newHistory() *history {
	return &history{ids: map[containerName][]string{}, images: map[string]string{}, begun: map[containerName]int{}}
}

// add adds what a look at all containers showed, and reports whether a container was
// new.
func (h *history) add(seen []testnode.Container) (changed bool) {
	h.running = map[string]bool{}
	for _, container := range seen {
		name := containerName{container.Pod, container.Name}
		if !slices.Contains(h.ids[name], container.ID) {
			h.ids[name] = append(h.ids[name], container.ID)
			h.images[container.ID] = container.Image
			changed = true
		}
		if container.Running {
			h.running[container.ID] = true
		}
	}
	return changed
}

// last returns the ID of the latest container of that name, and whether it runs.
func (h *history) last(name containerName) (id string, running bool) {
	ids := h.ids[name]
	if len(ids) == 0 {
		return "", false
	}
	id = ids[len(ids)-1]
	return id, h.running[id]
}

// complete reports whether each container is as it should be: running, or for an init
// container that ends, ended.
func (h *history) complete(containers []container) bool {
	return len(h.missing(containers)) == 0
}

// missing lists what keeps the history from being complete.
func (h *history) missing(containers []container) []containerName {
	var names []containerName
	for _, c := range containers {
		if id, running := h.last(c.containerName); id == "" || running == (c.kind == initial) {
			names = append(names, c.containerName)
		}
	}
	return names
}

// mark begins a stage: what is seen from now on happened in it.
func (h *history) mark() {
	counts := map[containerName]int{}
	for name, ids := range h.ids {
		counts[name] = len(ids)
	}
	h.marks = append(h.marks, counts)
}

// begin has what is there of containers that were not when the stage began be what they
// begin with: it happened in no stage.
func (h *history) begin() {
	for name, ids := range h.ids {
		if h.marks[len(h.marks)-1][name] == 0 {
			h.begun[name] = len(ids)
		}
	}
}

// row says what happened to a container in the stages that have begun.
func (h *history) row(c container, stages []stage) Row {
	ids := h.ids[c.containerName]
	row := Row{Container: c.String()}
	for i, counts := range h.marks {
		from, to := counts[c.containerName], len(ids)
		if i+1 < len(h.marks) {
			to = h.marks[i+1][c.containerName]
		}
		begun := h.begun[c.containerName]
		from, to = max(from, begun), max(to, begun)
		if i == 0 && from > 0 {
			row.Before = ids[from-1]
		}
		expected := stages[i].expected[c.containerName]
		if expected.Expected == "" {
			expected.Expected = Kept
		}
		row.Stages = append(row.Stages, Happening{
			Stage: stages[i].title, Expected: expected.Expected, Reason: expected.Reason, After: ids[from:to],
		})
	}
	_, running := h.last(c.containerName)
	row.Gone = !running && c.kind != initial
	return row
}
