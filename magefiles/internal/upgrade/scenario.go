package upgrade

import (
	"fmt"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// Scenario is one way in which an upgrade may go.
type Scenario struct {
	Name, Summary string
	// path lists the kubelets in the order in which they run; nil is from, to.
	path func(Options) []Kubelet
	// events happen in the order in which they are listed.
	events []event
	// extra are pods that only this scenario has; it may be nil.
	extra func(Options) []pod
	// later are pods that createLater creates under the second kubelet; it may be nil.
	later func(Options) []pod
	// proof wants a patched kubelet's state to be as it has to be in the end; nil is
	// recorded.
	proof change
	// asStock says that patched kubelets behave as stock ones.
	asStock bool
	// fits reports what else the versions have to be like; it may be nil.
	fits func(from, to kubever.Version) error
	// PatchedFrom says that the old kubelet has to be a patched one too, and
	// PatchedTo that the new one has to.
	PatchedFrom, PatchedTo bool
	// StockFrom says that the old kubelet has to be a stock one.
	StockFrom bool
	// Via says that a third kubelet is needed, between the two, and PatchedVia that it has
	// to be a patched one.
	Via, PatchedVia bool
	// NewerFields gives the pods fields that only the newest of the kubelets knows.
	NewerFields bool
}

// kubelets returns the kubelets in the order in which they run.
func (s Scenario) kubelets(options Options) []Kubelet {
	if s.path == nil {
		return []Kubelet{options.From, options.To}
	}
	return s.path(options)
}

// pods returns the scenario's pods, and the version whose fields they have.
func (s Scenario) pods(options Options) (pods []pod, knowing kubever.Version) {
	path := s.kubelets(options)
	oldest, newest := path[0].Version, path[0].Version
	for _, kubelet := range path {
		if kubelet.Version.Compare(oldest) < 0 {
			oldest = kubelet.Version
		}
		if kubelet.Version.Compare(newest) > 0 {
			newest = kubelet.Version
		}
	}
	knowing = oldest
	if s.NewerFields {
		knowing = newest
	}
	pods = podsFor(oldest, knowing)
	if s.extra != nil {
		pods = append(pods, s.extra(options)...)
	}
	return pods, knowing
}

// everyContainer lists the containers of all pods, the later ones too.
func (s Scenario) everyContainer(options Options) []container {
	pods, _ := s.pods(options)
	containers := containersOf(pods)
	if s.later != nil {
		for _, c := range containersOf(s.later(options)) {
			c.later = true
			containers = append(containers, c)
		}
	}
	return containers
}

// Check reports what the options lack for the scenario. Of the kubelets it needs what they
// are, not their paths, so that it can be asked before they are built.
func (s Scenario) Check(options Options) error {
	switch {
	case s.PatchedFrom && !options.From.Patched:
		return fmt.Errorf("scenario %s needs patched kubelets on both sides, and %s is not: add -fromStock=false", s.Name, options.From)
	case s.PatchedTo && !options.To.Patched:
		return fmt.Errorf("scenario %s needs a patched new kubelet, and %s is not: leave -toStock out", s.Name, options.To)
	case s.StockFrom && options.From.Patched:
		return fmt.Errorf("scenario %s needs a stock old kubelet, and %s is not: leave -fromStock out", s.Name, options.From)
	case s.PatchedVia && options.Via != (Kubelet{}) && !options.Via.Patched:
		return fmt.Errorf("scenario %s needs a patched kubelet in between, and %s is not", s.Name, options.Via)
	case s.Via && options.Via == (Kubelet{}):
		return fmt.Errorf("scenario %s needs a kubelet between %s and %s: name one with -via", s.Name, options.From, options.To)
	case s.fits == nil:
		return nil
	}
	if err := s.fits(options.From.Version, options.To.Version); err != nil {
		return fmt.Errorf("scenario %s needs %w; these are %s and %s", s.Name, err, options.From, options.To)
	}
	return nil
}

// Find returns the scenarios of those names, separated by commas, or all of them.
func Find(names string) ([]Scenario, error) {
	all := Scenarios()
	if names == "all" {
		return all, nil
	}
	var found []Scenario
next:
	for _, name := range strings.Split(names, ",") {
		for _, scenario := range all {
			if scenario.Name == strings.TrimSpace(name) {
				found = append(found, scenario)
				continue next
			}
		}
		return nil, fmt.Errorf("scenario %q is unknown: want all, or some of these, separated by commas\n%s", name, Describe(all))
	}
	return found, nil
}

// Describe lists scenarios, a line for each, with what happens in them.
func Describe(scenarios []Scenario) string {
	var text strings.Builder
	for _, scenario := range scenarios {
		fmt.Fprintf(&text, "  %-24s%s\n", scenario.Name, scenario.Summary)
	}
	return text.String()
}

// Names returns the names of the scenarios that are wanted, separated by commas, as Find
// takes them.
func Names(scenarios []Scenario, wanted func(Scenario) bool) string {
	var names []string
	for _, scenario := range scenarios {
		if wanted(scenario) {
			names = append(names, scenario.Name)
		}
	}
	return strings.Join(names, ",")
}
