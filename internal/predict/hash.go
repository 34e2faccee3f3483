package predict

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/steadylet/steadylet/statefile"
)

const (
	// pickedSince is the minor version from which a hash covers image and name only
	// (HashContainer, pkg/kubelet/container/helpers.go).
	pickedSince = 31
	// sidecarsSince is the one from which the hashes of sidecars are compared too
	// (computeInitContainerActions, pkg/kubelet/kuberuntime/kuberuntime_container.go).
	sidecarsSince = 32
	// sidecarsExist is the one from which kubelets run sidecars unless they are told
	// not to (SidecarContainers, pkg/features/kube_features.go).
	sidecarsExist = 29
)

const (
	sameHash      = "the hash on it is that of its spec"
	wholeOrPicked = "up to 1.30 the hash covers the whole spec, from 1.31 on image and name"
	noSpec        = "its spec is not known: give the list of pods"
	askRuntime    = ": name the container runtime with --runtime-endpoint, on the node"
)

// byHash judges a container by the hash on it.
func (u Upgrade) byHash(c Container) Forecast {
	if c.Kind == Sidecar && min(u.From.Minor, u.To.Minor) < sidecarsExist {
		return Forecast{Verdict: Unknown, Reason: "what kubelets up to 1.28 do with a sidecar depends on a feature gate"}
	}
	if c.Kind == Sidecar && u.To.Minor < sidecarsSince {
		return Forecast{Verdict: Kept, Reason: "the hashes of sidecars are compared from 1.32 on"}
	}
	if c.Spec == nil && c.Image == "" {
		return u.unseen(c)
	}
	annotated, reason := u.annotated(c)
	if reason != "" {
		return Forecast{Verdict: Unknown, Reason: reason}
	}
	current, ok := statefile.HashBy(u.To.Text, c.Spec, c.Image, c.Name)
	switch {
	case !ok:
		return Forecast{Verdict: Unknown, Reason: noSpec}
	case annotated == current:
		return Forecast{Verdict: Kept, Reason: sameHash}
	case !u.To.Patched:
		return Forecast{Verdict: Restarts, Reason: u.moved(c)}
	}
	return u.decide(c, annotated, current)
}

// unseen judges a container of which neither the spec nor the image's name is known:
// where the one hash covers the whole spec and the other does not, they differ.
func (u Upgrade) unseen(c Container) Forecast {
	if u.From.Patched || u.To.Patched || !u.crosses() {
		return Forecast{Verdict: Unknown, Reason: noSpec}
	}
	return Forecast{Verdict: Restarts, Reason: u.moved(c)}
}

// crosses reports whether one of the versions hashes the whole spec and the other does not.
func (u Upgrade) crosses() bool {
	return (u.From.Minor < pickedSince) != (u.To.Minor < pickedSince)
}

// annotated returns the hash that is on a container: the real one, or that of the old
// version, which created it. The reason says why neither is known.
func (u Upgrade) annotated(c Container) (hash uint64, reason string) {
	real := c.Annotated
	if real != nil && (c.Exact || c.Spec == nil || *real == statefile.HashImageAndName(c.Image, c.Name)) {
		return *real, ""
	}
	switch {
	case u.From.Patched && !u.To.Patched:
		return 0, "a patched kubelet may have kept it with the hash of an older version" + askRuntime
	case c.Kind == Sidecar && u.From.Minor == pickedSince && !u.To.Patched:
		return 0, "1.31 does not compare the hashes of sidecars, so it may have that of an older version" + askRuntime
	}
	hash, ok := statefile.HashBy(u.From.Text, c.Spec, c.Image, c.Name)
	if !ok {
		return 0, noSpec
	}
	return hash, ""
}

// moved says why a hash is another one.
func (u Upgrade) moved(c Container) string {
	low, high := min(u.From.Minor, u.To.Minor), max(u.From.Minor, u.To.Minor)
	switch {
	case u.crosses() && c.Kind == NotSaid && u.To.Minor < sidecarsSince:
		return wholeOrPicked + "; if it is a sidecar, it is kept"
	case u.crosses():
		return wholeOrPicked
	}
	if high < pickedSince {
		if fields := newer(c.Spec, low, high); fields != "" {
			return "it has fields that the older version does not know: " + fields
		}
	}
	return fmt.Sprintf("the hash on it is not that of its spec by %s: an older version created it, or it was edited", u.To.short())
}

// newer lists the fields of a spec that came after the minor version low, up to high.
func newer(spec []byte, low, high int) string {
	var names []string
	for _, field := range statefile.NewerFields(spec) {
		if field.Since > low && field.Since <= high {
			names = append(names, field.Path+" (1."+strconv.Itoa(field.Since)+")")
		}
	}
	return strings.Join(names, ", ")
}

// decide asks what a patched kubelet would decide.
func (u Upgrade) decide(c Container, annotated, current uint64) Forecast {
	state, created := u.stateFor(c)
	verdict := u.ask(c, state, created, annotated, current)
	if u.From.Patched && u.State.Kubelet.Version == "" {
		// Without the record nobody knows whether a patched kubelet created it, or one
		// before that, of any version: both must come to the same.
		other := u.ask(c, statefile.State{}.Started(u.To.Text, u.Now), created, annotated, current)
		if other.Changed != verdict.Changed {
			return Forecast{Verdict: Unknown, Reason: "which kubelet created it is not known: the patched one has it on record, so ask on the node"}
		}
	}
	switch {
	case !verdict.Changed:
		return Forecast{Verdict: KeptBySteadylet, Step: verdict.Step, Reason: verdict.Reason}
	case c.Spec == nil:
		return Forecast{Verdict: Unknown, Reason: "whether steadylet can prove it unchanged depends on its spec: give the list of pods"}
	}
	return Forecast{Verdict: Restarts, Reason: verdict.Reason}
}

// ask is statefile.Decide, of a container that nobody has edited.
func (u Upgrade) ask(c Container, state statefile.State, created time.Time, annotated, current uint64) statefile.Verdict {
	running := c.RunningImage
	if running == "" {
		running = c.Image
	}
	verdict, _ := statefile.Decide(state, statefile.Observation{
		ContainerID: c.ID, Name: c.Name, Image: c.Image, RunningImage: running,
		Annotated: annotated, Current: current, CreatedAt: created, Spec: func() ([]byte, error) {
			known, ok := statefile.SpecOf(u.To.Text, c.Spec)
			if !ok {
				return nil, fmt.Errorf("it is not known")
			}
			return known, nil
		},
	})
	return verdict
}

// stateFor returns the state that the new kubelet starts with, and when the container was
// created. A patched old kubelet has a record, the old one's or one in which it always
// ran. A stock one has none, and any version may have created the container: Decide then
// leaves out whatever field some version did not know.
func (u Upgrade) stateFor(c Container) (statefile.State, time.Time) {
	state, created := u.State, c.CreatedAt
	if u.From.Patched && state.Kubelet.Version == "" {
		state = statefile.State{}.Started(u.From.Text, time.Unix(0, 0))
	}
	if created.IsZero() {
		created = u.Now.Add(-time.Second) // by the old kubelet, then
	}
	return state.Started(u.To.Text, u.Now), created
}
