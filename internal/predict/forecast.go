package predict

import (
	"fmt"
	"time"

	"github.com/steadylet/steadylet/statefile"
)

// Upgrade is an upgrade, or a rollback, of one kubelet to another.
type Upgrade struct {
	From, To Version
	// State is what a patched old kubelet has recorded, or empty.
	State statefile.State
	// Now is when the new kubelet starts.
	Now time.Time
	// NoPodCgroups says that pods have no cgroup of their own: cgroupsPerQOS is off.
	NoPodCgroups bool
	// Resize is what the node sets the feature gate InPlacePodVerticalScaling to, or nil
	// where each version's default counts or it isn't known.
	Resize *bool
	// ReferencesGate is what podmanifest.ReferencesGates come to on the node, or nil where
	// that isn't known.
	ReferencesGate *bool
}

// Pod forecasts what happens to the containers of a pod, the init containers included.
func (u Upgrade) Pod(pod Pod) []Forecast {
	forecasts := make([]Forecast, 0, len(pod.Containers))
	asStock := u.asStock()
	u.To.Patched = u.To.Patched && !asStock
	whole := u.whole(pod)
	for _, c := range pod.Containers {
		f := u.container(pod, c, whole)
		if asStock && f.Verdict != Kept && f.Verdict != Ends {
			f.Reason += noPodCgroups
		}
		f.Namespace, f.Pod, f.Container, f.Kind = pod.Namespace, pod.Name, c.Name, c.Kind
		forecasts = append(forecasts, f)
	}
	return forecasts
}

// container judges one container, after its pod.
func (u Upgrade) container(pod Pod, c Container, whole Forecast) Forecast {
	for _, v := range []Version{u.From, u.To} {
		if !v.known() {
			return Forecast{Verdict: Unknown, Reason: fmt.Sprintf("%s is not known here: known are 1.%d to 1.%d", v.short(), Oldest, Newest)}
		}
	}
	if u.To.Patched && !Patchable(u.To.Minor) {
		return Forecast{Verdict: Unknown, Reason: "there is no patched kubelet of " + u.To.short()}
	}
	switch {
	case pod.Ended:
		return Forecast{Verdict: Kept, Reason: "its pod has ended"}
	case whole.Verdict == Ends, whole.Verdict == Restarts, whole.Verdict == Unknown:
		return whole
	case c.Kind == Initial:
		return Forecast{Verdict: Kept, Reason: "an init container that has ended does not run again while its pod stays"}
	}
	f := u.byHash(c)
	if whole.Verdict == KeptBySteadylet && f.Verdict == Kept {
		f = whole
	}
	return u.resized(pod, c, f)
}

// whole judges a pod as a whole, which only a static one needs.
func (u Upgrade) whole(pod Pod) Forecast {
	if f := u.refused(pod); f.Verdict != "" {
		return f
	}
	return u.recreated(pod)
}

// recreated judges a static pod by its UID. The verdict is empty for a pod that has nothing
// to do with that.
func (u Upgrade) recreated(pod Pod) Forecast {
	if !pod.Static || !pod.MadeUpUID {
		return Forecast{}
	}
	reason, known := u.movesUID(pod)
	switch {
	case u.From.Patched && !u.To.Patched && reason != "":
		return Forecast{Verdict: Unknown, Reason: "a patched kubelet may have kept the UID that an older version made up"}
	case !known:
		return Forecast{Verdict: Unknown, Reason: "whether its UID moves depends on its manifest: name the folder of manifests"}
	case reason == "":
		return Forecast{}
	case !u.To.Patched:
		return Forecast{Verdict: Restarts, Reason: reason}
	case pod.Recreated != "":
		return Forecast{Verdict: Restarts, Reason: reason + ", and steadylet can't keep the old one: " + pod.Recreated}
	}
	return Forecast{Verdict: KeptBySteadylet, Reason: reason + "; steadylet keeps the old one while the manifest stays as it is"}
}
