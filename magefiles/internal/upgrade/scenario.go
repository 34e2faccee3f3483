package upgrade

import (
	"context"
	"fmt"
	"strings"
)

// change is something that happens to a cluster in a run.
type change func(ctx context.Context, r *run) error

// Scenario is one way in which an upgrade may go.
type Scenario struct {
	Name, Summary string
	// path lists the kubelets in the order in which they run; nil is from, to.
	path func(Options) []Kubelet
	// running happens while the first kubelet runs, before the containers are
	// noted; down while none runs, before the last one starts; synced once the
	// last one has synced.
	running, down, synced change
	// proof wants the state to be as it has to be in the end; nil is recorded.
	proof change
	// restarts are the containers that have to be replaced, with the reason.
	restarts map[containerName]string
	// asStock says that the last kubelet behaves as a stock one.
	asStock bool
	// PatchedFrom says that the old kubelet has to be a patched one too, and
	// PatchedTo that the new one has to.
	PatchedFrom, PatchedTo bool
	// Via says that a third kubelet is needed, between the two.
	Via bool
	// Sidecars says that the old kubelet must run sidecars and the new one restart
	// them for an edit, which kubelets do from 1.29 and from 1.32 on.
	Sidecars bool
	// Foreseen says that the outcome is compared with a forecast: nobody edits
	// anything, and nothing but the version restarts a container.
	Foreseen bool
	// NewerFields gives the pods fields that only the newest of the kubelets knows.
	NewerFields bool
}

// Kubelets returns the kubelets in the order in which they run.
func (s Scenario) kubelets(options Options) []Kubelet {
	if s.path == nil {
		return []Kubelet{options.From, options.To}
	}
	return s.path(options)
}

// expected says what has to happen to a container, and why.
func (s Scenario) expected(options Options) func(container) (Expected, string) {
	path := s.kubelets(options)
	first, last := path[0], path[len(path)-1]
	return func(c container) (Expected, string) {
		if reason := s.restarts[c.containerName]; reason != "" {
			return Restarts, reason
		}
		if !last.Patched || s.asStock {
			if reason := stockRestarts(c, first.Version, last.Version); reason != "" {
				return Restarts, reason
			}
		}
		return Kept, ""
	}
}

// Check reports what the options lack for the scenario.
func (s Scenario) Check(options Options) error {
	switch {
	case s.PatchedFrom && !options.From.Patched:
		return fmt.Errorf("scenario %s needs patched kubelets on both sides, and %s is not", s.Name, options.From)
	case s.PatchedTo && !options.To.Patched:
		return fmt.Errorf("scenario %s needs a patched new kubelet, and %s is not", s.Name, options.To)
	case s.Sidecars && (options.From.Version.Minor < 29 || options.To.Version.Minor < 32):
		return fmt.Errorf("scenario %s needs an old kubelet from 1.29 on and a new one from 1.32 on, these are %s and %s", s.Name, options.From, options.To)
	case s.Via && options.Via.Path == "":
		return fmt.Errorf("scenario %s needs a kubelet between %s and %s", s.Name, options.From, options.To)
	}
	return nil
}

func oneMoreStart(o Options) []Kubelet { return []Kubelet{o.From, o.To, o.To} }

var (
	plainApp   = containerName{"plain", "app"}
	richApp    = containerName{"rich", "app"}
	richHelper = containerName{"rich", "helper"}
	staticApp  = containerName{"static", "app"}
	staticUID  = containerName{"static-uid", "app"}

	sidecarProxy = containerName{"sidecar", "proxy"}
)

func only(name containerName, reason string) map[containerName]string {
	return map[containerName]string{name: reason}
}

const edited = "its image was edited"

// Scenarios lists all scenarios.
func Scenarios() []Scenario {
	return append([]Scenario{
		{Name: "plain", Summary: "nothing else happens", Foreseen: true, proof: both(recorded, counted)},
		{Name: "edit-before", Summary: "an image is edited under the old kubelet, which restarts it", running: editAndAwait},
		{Name: "edit-during", Summary: "another tag of the same image is asked for while no kubelet runs", down: edit, restarts: only(plainApp, edited)},
		{Name: "edit-content", Summary: "another image is asked for while no kubelet runs", down: editContent, restarts: only(plainApp, edited)},
		{Name: "edit-after", Summary: "an image is edited under the new kubelet", synced: edit, restarts: only(plainApp, edited)},
		{Name: "edit-undone", Summary: "an image is edited and edited back while no kubelet runs", down: editAndUndo},
		{Name: "death", Summary: "a container dies while no kubelet runs", down: killContainer(richHelper),
			restarts: only(richHelper, "it died")},
		{Name: "liveness", Summary: "a liveness probe fails under the new kubelet", synced: makeSick,
			restarts: only(richApp, "its liveness probe failed")},
		{Name: "static-edit", Summary: "a static pod's manifest is edited while no kubelet runs", down: editManifest("static"),
			restarts: only(staticApp, edited)},
		{Name: "static-uid-edit", Summary: "the manifest of a static pod with a UID is edited while no kubelet runs",
			down: editManifest("static-uid"), restarts: only(staticUID, edited)},
		{Name: "sidecar-edit", Summary: "the image of a sidecar is edited while no kubelet runs", down: editSidecar, Sidecars: true,
			restarts: only(sidecarProxy, edited)},
	}, patchedScenarios()...)
}

// patchedScenarios are about what only a patched kubelet has.
func patchedScenarios() []Scenario {
	return []Scenario{
		{Name: "lost", Summary: "the state folder is removed", path: oneMoreStart, down: loseState, PatchedTo: true},
		{Name: "corrupt", Summary: "bytes of the state file and of its copy are overwritten", path: oneMoreStart, down: corruptState,
			proof: both(setAside, recorded), PatchedTo: true},
		{Name: "corrupt-edit", Summary: "the state is damaged and an image is edited", path: oneMoreStart,
			down:  both(corruptState, edit),
			proof: both(setAside, recorded), restarts: only(plainApp, edited), PatchedTo: true},
		{Name: "read-only", Summary: "the state folder can't be written", down: mountState("ro"), proof: notRecorded, PatchedTo: true},
		{Name: "disk-full", Summary: "the disk of the state folder is full", down: both(mountState("size=16k"), fillState),
			proof: notRecorded, PatchedTo: true},
		{Name: "clock", Summary: "the clock is set back by a day", path: oneMoreStart, down: setClockBack, PatchedTo: true},
		{Name: "killed", Summary: "the new kubelet is killed ten times during its first sync", down: killFirstSyncs, PatchedTo: true},
		{Name: "disabled", Summary: "the kill switch is on", down: disable, asStock: true, proof: notRecorded, PatchedTo: true},
		{Name: "off-and-on", Summary: "the kill switch is on for the new kubelet's first start, and off for its second", path: oneMoreStart,
			running: disable, down: enable, asStock: true, PatchedFrom: true, PatchedTo: true},
		{Name: "hops", Summary: "there is another version in between", Via: true, PatchedTo: true,
			path: func(o Options) []Kubelet { return []Kubelet{o.From, o.Via, o.To} }},
		{Name: "rollback", Summary: "from the new kubelet to the old one", Foreseen: true, PatchedFrom: true, PatchedTo: true,
			path: func(o Options) []Kubelet { return []Kubelet{o.To, o.From} }},
		{Name: "forth-and-back", Summary: "to the new kubelet and back to the old one", PatchedFrom: true, PatchedTo: true,
			path: func(o Options) []Kubelet { return []Kubelet{o.From, o.To, o.From} }},
		{Name: "newer-fields", Summary: "the pods have fields that the old kubelet does not know", Foreseen: true, NewerFields: true, PatchedTo: true},
		{Name: "dropped-fields", Summary: "to the old kubelet, which does not know fields of the pods", Foreseen: true, NewerFields: true,
			path:  func(o Options) []Kubelet { return []Kubelet{o.To, o.From} },
			proof: both(recorded, announced), PatchedFrom: true, PatchedTo: true},
	}
}

// Find returns the scenarios of those names, separated by commas, or all of them.
func Find(names string) ([]Scenario, error) {
	all := Scenarios()
	if names == "all" {
		return all, nil
	}
	var found []Scenario
	var known []string
	for _, scenario := range all {
		known = append(known, scenario.Name)
	}
next:
	for _, name := range strings.Split(names, ",") {
		for _, scenario := range all {
			if scenario.Name == strings.TrimSpace(name) {
				found = append(found, scenario)
				continue next
			}
		}
		return nil, fmt.Errorf("scenario %q is unknown: want all, or some of %s", name, strings.Join(known, ", "))
	}
	return found, nil
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
