package upgrade

import (
	"fmt"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// Expected is what has to happen to a container.
type Expected string

const (
	// Kept means that it is not replaced.
	Kept Expected = "kept"
	// Restarts means that it is replaced, once.
	Restarts Expected = "restarts"
)

// Row is what happened to a container.
type Row struct {
	Container string
	Expected  Expected
	// Reason says why it has to restart, or nothing.
	Reason string
	// Before is the ID of the container that ran before, After are those that
	// came later, the earliest first.
	Before string
	After  []string
	// Forecast is what was forecast, or nil in a scenario that no forecast is about.
	Forecast *Forecasts
	// Gone says that none runs any more although one has to.
	Gone bool
}

// Outcome says in a few words what happened.
func (r Row) Outcome() string {
	outcome := "kept"
	switch {
	case len(r.After) == 1:
		outcome = "restarted"
	case len(r.After) > 1:
		outcome = fmt.Sprintf("restarted %d times", len(r.After))
	}
	if r.Gone {
		return outcome + ", gone"
	}
	return outcome
}

// Deviation says how the outcome differs from what was expected, or nothing.
func (r Row) Deviation() string {
	switch {
	case r.Gone:
		return "does not run any more"
	case r.Expected == Kept && len(r.After) > 0:
		return "restarted without need"
	case r.Expected == Restarts && len(r.After) == 0:
		return "was not restarted: " + r.Reason
	case r.Expected == Restarts && len(r.After) > 1:
		return fmt.Sprintf("restarted %d times instead of once", len(r.After))
	}
	return ""
}

// difference says how the forecast differs from the outcome, or nothing.
func (r Row) difference() string {
	if r.Forecast == nil {
		return ""
	}
	return r.Forecast.Difference(len(r.After) > 0)
}

// hashBoundary is the minor version from which the hash of a container covers its name
// and image only; before, it covers the whole spec.
const hashBoundary = 31

// stockRestarts is what the rig itself knows, of its own pods: package predict, which says
// the same of any pod, is held against what happens too. It says why a stock kubelet of one version restarts a container that
// one of the other version started, or nothing when it keeps it.
func stockRestarts(c container, from, to kubever.Version) string {
	low, high := min(from.Minor, to.Minor), max(from.Minor, to.Minor)
	if c.madeUpUID {
		for minor := low + 1; minor <= high; minor++ {
			if movesStaticUID(minor) {
				return fmt.Sprintf("1.%d makes up another UID for a static pod", minor)
			}
		}
	}
	crosses := low < hashBoundary && high >= hashBoundary
	switch {
	case c.kind == regular && crosses:
		return "1.31 hashes containers in another way"
	case c.kind == sidecar && crosses && high > hashBoundary:
		return "1.31 hashes containers in another way, and 1.32 looks at sidecars too"
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
