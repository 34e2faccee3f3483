package upgrade

import (
	"context"
	"fmt"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// change is something that happens to a cluster in a run.
type change func(ctx context.Context, r *run) error

// moment is a part of a run in which the containers that are replaced are counted.
type moment struct {
	// kubelet is the place of a kubelet in the path, from 0. -1 is the last.
	kubelet int
	// running says that the kubelet has synced its pods. Else it is the time from the
	// end of the one before it until then.
	running bool
}

// title names the moment in tables. People count from one.
func (m moment) title(kubelet Kubelet) string {
	if m.running {
		return fmt.Sprintf("under kubelet %d, %s", m.kubelet+1, kubelet)
	}
	return fmt.Sprintf("start of kubelet %d, %s", m.kubelet+1, kubelet)
}

// event is something that happens in a run, and what has to follow from it.
type event struct {
	moment
	change  change
	effects []effect
}

// down is an event while no kubelet runs, before the last one starts.
func down(change change, effects ...effect) event {
	return event{moment{kubelet: -1}, change, effects}
}

// under is an event under the kubelet at that place of the path.
func under(kubelet int, change change, effects ...effect) event {
	return event{moment{kubelet, true}, change, effects}
}

// effect is what an event does to a container.
type effect struct {
	container containerName
	// reason says why it has to be replaced.
	reason string
	// unless says what else is right, and why, between the kubelet that ran before the
	// event and the one that runs after it. It may be nil, and answer nothing.
	unless func(before, after kubever.Version) expectation
	// foreseen says that a forecast tells it, since nobody does anything to the container.
	foreseen bool
}

// restarts is the effect that a container has to be replaced.
func restarts(name containerName, reason string) effect {
	return effect{container: name, reason: reason}
}

func (e effect) expected(before, after kubever.Version) expectation {
	if e.unless != nil {
		if other := e.unless(before, after); other.Expected != "" {
			return other
		}
	}
	return expectation{Restarts, e.reason}
}

// expectation is what has to happen to a container in a stage, and why.
type expectation struct {
	Expected Expected
	Reason   string
}

// stage is a moment of a run with what happens in it, and what has to follow.
type stage struct {
	moment
	title    string
	events   []event
	expected map[containerName]expectation // Kept where there is none
}

// plan lists the stages of a scenario: the start of each kubelet but the first, and what
// happens under any. It is pure.
func (s Scenario) plan(options Options, containers []container) []stage {
	path := s.kubelets(options)
	created := map[containerName]kubever.Version{}
	for _, c := range containers {
		if !c.later {
			created[c.containerName] = path[0].Version
		}
	}
	var stages []stage
	for i, kubelet := range path {
		start := s.stage(moment{i, false}, path)
		if i > 0 {
			start.expectStock(containers, created, kubelet, s.asStock)
			start.expectEffects(created, path[i-1].Version, kubelet.Version)
			stages = append(stages, start)
		}
		for _, c := range containers {
			if c.later && i == 1 {
				created[c.containerName] = kubelet.Version
			}
		}
		if running := s.stage(moment{i, true}, path); len(running.events) > 0 {
			running.expectEffects(created, kubelet.Version, kubelet.Version)
			stages = append(stages, running)
		}
	}
	return stages
}

// stage returns a stage with its events, and nothing expected.
func (s Scenario) stage(at moment, path []Kubelet) stage {
	planned := stage{moment: at, title: at.title(path[at.kubelet]), expected: map[containerName]expectation{}}
	for _, event := range s.events {
		when := event.moment
		if when.kubelet < 0 {
			when.kubelet += len(path)
		}
		if when == at {
			planned.events = append(planned.events, event)
		}
	}
	return planned
}

// expectStock adds what a stock kubelet restarts of what another version has created.
func (s *stage) expectStock(containers []container, created map[containerName]kubever.Version, kubelet Kubelet, asStock bool) {
	if kubelet.Patched && !asStock {
		return
	}
	for _, c := range containers {
		creator, there := created[c.containerName]
		if reason := stockRestarts(c, creator, kubelet.Version); there && reason != "" {
			s.expect(created, c.containerName, expectation{Restarts, reason}, kubelet.Version)
		}
	}
}

// expectEffects adds what the events of the stage do.
func (s *stage) expectEffects(created map[containerName]kubever.Version, before, after kubever.Version) {
	for _, event := range s.events {
		for _, effect := range event.effects {
			s.expect(created, effect.container, effect.expected(before, after), after)
		}
	}
}

// expect adds an expectation. What has to be replaced has to be, whatever else is said.
func (s *stage) expect(created map[containerName]kubever.Version, name containerName, what expectation, running kubever.Version) {
	if s.expected[name].Expected == Restarts && what.Expected != Restarts {
		return
	}
	s.expected[name] = what
	if what.Expected == Restarts {
		created[name] = running
	}
}
