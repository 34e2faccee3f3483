package upgrade

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// Expected is what has to happen to a container in a stage of a run.
type Expected string

const (
	// Kept means that it is not replaced.
	Kept Expected = "kept"
	// Restarts means that it is replaced, once.
	Restarts Expected = "restarts"
	// MayRestart means that it is replaced once, or not at all.
	MayRestart Expected = "may restart"
)

// Happening is what happened to a container in a stage of a run.
type Happening struct {
	// Stage says when that was.
	Stage    string
	Expected Expected
	// Reason says why it has to restart, may do so, or is kept all the same; or nothing.
	Reason string
	// After has the IDs of the containers that came in it, the earliest first.
	After []string
}

// deviation says how it differs from what was expected, or nothing.
func (h Happening) deviation() string {
	switch count := len(h.After); {
	case h.Expected == Kept && count == 1:
		return "restarted without need"
	case h.Expected == Kept && count > 1:
		return fmt.Sprintf("restarted without need, %d times", count)
	case h.Expected == Restarts && count == 0:
		return "was not restarted: " + h.Reason
	case count > 1:
		return fmt.Sprintf("restarted %d times instead of once", count)
	}
	return ""
}

// Row is what happened to a container.
type Row struct {
	Container string
	// Before is the ID of the container that ran before anything happened.
	Before string
	// Stages has what happened in each stage, the earliest first.
	Stages []Happening
	// Forecast is what was forecast, or nil for a container that no forecast is about.
	Forecast *Forecasts
	// Gone says that none runs any more although one has to.
	Gone bool
}

// Replaced counts how often it was replaced.
func (r Row) Replaced() int {
	count := 0
	for _, stage := range r.Stages {
		count += len(stage.After)
	}
	return count
}

// hadTo reports whether it had to be replaced, or was where it may be.
func (r Row) hadTo() bool {
	for _, stage := range r.Stages {
		if stage.Expected == Restarts || stage.Expected == MayRestart && len(stage.After) > 0 {
			return true
		}
	}
	return false
}

// Expected says what had to happen in the whole run.
func (r Row) Expected() string {
	count, may := 0, false
	for _, stage := range r.Stages {
		if stage.Expected == Restarts {
			count++
		}
		may = may || stage.Expected == MayRestart
	}
	switch {
	case count > 1:
		return fmt.Sprintf("restarts %d times", count)
	case count == 1:
		return string(Restarts)
	case may:
		return string(MayRestart)
	}
	return string(Kept)
}

// Outcome says in a few words what happened.
func (r Row) Outcome() string {
	outcome := "kept"
	switch count := r.Replaced(); {
	case count == 1:
		outcome = "restarted"
	case count > 1:
		outcome = fmt.Sprintf("restarted %d times", count)
	}
	if r.Gone {
		return outcome + ", gone"
	}
	return outcome
}

// Deviation says how the outcome differs from what was expected, stage by stage: a
// restart in the wrong one makes up for none in the right one. It is empty if it does not.
func (r Row) Deviation() string {
	var deviations []string
	for _, stage := range r.Stages {
		if deviation := stage.deviation(); deviation != "" {
			deviations = append(deviations, fmt.Sprintf("%s (%s)", deviation, stage.Stage))
		}
	}
	if r.Gone {
		deviations = append(deviations, "does not run any more")
	}
	return strings.Join(deviations, "; ")
}

// notes say when it was replaced, and why it had to be.
func (r Row) notes() string {
	var notes []string
	for _, stage := range r.Stages {
		if len(stage.After) > 0 || stage.Reason != "" {
			notes = append(notes, fmt.Sprintf("%s: %s", stage.Stage, cmp.Or(stage.Reason, "restarted")))
		}
	}
	return strings.Join(notes, "; ")
}

// difference says how the forecast differs from the outcome, or nothing.
func (r Row) difference() string {
	if r.Forecast == nil {
		return ""
	}
	return r.Forecast.Difference(r.Replaced() > 0)
}

// hashBoundary is the minor version from which the hash of a container covers its name
// and image only; before, it covers the whole spec.
const hashBoundary = 31

// stockRestarts is what the rig itself knows, of its own pods: package predict, which says
// the same of any pod, is held against what happens too. It says why a stock kubelet of one version restarts a container that
// one of the other version started, or nothing when it keeps it.
func stockRestarts(c container, from, to kubever.Version) string {
	low, high := min(from.Minor, to.Minor), max(from.Minor, to.Minor)
	if reason := uidMoves(from, to); c.madeUpUID && reason != "" {
		return reason
	}
	crosses := low < hashBoundary && high >= hashBoundary
	switch {
	case c.kind == regular && crosses:
		return "1.31 hashes containers in another way"
	case c.kind == sidecar && crosses && to.Minor > hashBoundary:
		return "1.31 hashes containers in another way, and 1.32 looks at sidecars too"
	}
	return ""
}

// uidMoves says why a stock kubelet of one version makes up other UIDs than one of the
// other version, or nothing.
func uidMoves(from, to kubever.Version) string {
	for minor := min(from.Minor, to.Minor) + 1; minor <= max(from.Minor, to.Minor); minor++ {
		if movesStaticUID(minor) {
			return fmt.Sprintf("1.%d makes up another UID for a static pod", minor)
		}
	}
	return ""
}

// movesStaticUID reports whether that minor version makes up another UID for the manifests
// of the rig than the one before it: a field was added to the dump, or the algorithm
// changed. (1.22 and 1.29 do so for pods that the rig has none of.)
func movesStaticUID(minor int) bool {
	switch minor {
	case 20, 22, 29:
		return false
	}
	return minor >= 18
}
