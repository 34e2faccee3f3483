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
	// running are the IDs that ran when last looked.
	running map[string]bool
	// noted is how many IDs of each name there were at note.
	noted map[containerName]int
}

func newHistory() *history { return &history{ids: map[containerName][]string{}} }

// add adds what a look at all containers showed, and reports whether a container was
// new.
func (h *history) add(seen []testnode.Container) (changed bool) {
	h.running = map[string]bool{}
	for _, container := range seen {
		name := containerName{container.Pod, container.Name}
		if !slices.Contains(h.ids[name], container.ID) {
			h.ids[name] = append(h.ids[name], container.ID)
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
	for _, c := range containers {
		id, running := h.last(c.containerName)
		if id == "" || running == (c.kind == initial) {
			return false
		}
	}
	return true
}

// note makes the present the state before the upgrade.
func (h *history) note() {
	h.noted = map[containerName]int{}
	for name, ids := range h.ids {
		h.noted[name] = len(ids)
	}
}

// rows compares the present with what was noted.
func (h *history) rows(containers []container, expected func(container) (Expected, string)) []Row {
	var rows []Row
	for _, c := range containers {
		want, reason := expected(c)
		row := Row{Container: c.String(), Expected: want, Reason: reason}
		noted := h.noted[c.containerName]
		if noted > 0 {
			row.Before = h.ids[c.containerName][noted-1]
		}
		row.After = h.ids[c.containerName][noted:]
		_, running := h.last(c.containerName)
		row.Gone = !running && c.kind != initial
		rows = append(rows, row)
	}
	return rows
}

// missing lists what keeps the history from being complete.
func (h *history) missing(containers []container) []containerName {
	var names []containerName
	for _, c := range containers {
		if !h.complete([]container{c}) {
			names = append(names, c.containerName)
		}
	}
	return names
}
