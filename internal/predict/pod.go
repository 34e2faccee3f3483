package predict

import (
	"time"

	"github.com/steadylet/steadylet/internal/podmanifest"
)

// Kind says how a kubelet treats a container.
type Kind string

// The kinds of container. Initial is an init container that ends.
const (
	Regular Kind = "regular"
	Initial Kind = "init"
	Sidecar Kind = "sidecar"
	// NotSaid is one of which only the container runtime tells.
	NotSaid Kind = "regular or sidecar"
)

// Pod is a pod, or what is known of it.
type Pod struct {
	Namespace, Name string
	// Static says that it comes from a manifest, MadeUpUID that its UID is the
	// kubelet's.
	Static, MadeUpUID bool
	// FromManifest says that it was read from a manifest, so that it lacks what the
	// kubelet fills in.
	FromManifest bool
	// Ended says that none of its containers is started again.
	Ended bool
	// Has reports whether the pod has something at a path, see UIDChange. It may be
	// nil: then that is not known.
	Has func(path string) bool
	// References are the fields of a static pod that name objects of the API server,
	// FromURL says that its manifest comes from a URL.
	References []podmanifest.Reference
	FromURL    bool
	// Recreated says why a patched kubelet does not keep the UID of a static pod, or
	// is empty where that isn't known, or it does.
	Recreated string
	// Resources is the JSON of the pod's own resources (spec.resources), or nil.
	Resources  []byte
	Containers []Container
}

// Container is one container of a pod.
type Container struct {
	Name  string
	Kind  Kind
	Image string
	// Spec is the compact JSON of the v1.Container, or nil where it isn't known.
	Spec []byte
	// Exact says that Spec is what a kubelet of the newest version would encode, with
	// all defaults, so that hashes of it can be compared with real ones.
	Exact bool
	// ID, RunningImage and CreatedAt are those of the container that runs, or empty.
	ID, RunningImage string
	CreatedAt        time.Time
	// Annotated is the hash on it, where the container runtime was asked.
	Annotated *uint64
	// Resizable says that the kubelet resizes containers: it reports what it has allocated.
	Resizable bool
}

// Verdict says what an upgrade does to a container.
type Verdict string

// The verdicts.
const (
	// Kept means that any kubelet keeps it.
	Kept Verdict = "kept"
	// Restarts means that it is restarted, or recreated with its pod.
	Restarts Verdict = "restarts"
	// Ends means that the new kubelet refuses its static pod, and does not run it.
	Ends Verdict = "ends"
	// KeptBySteadylet means that a stock kubelet would restart it and a patched one
	// does not.
	KeptBySteadylet Verdict = "kept by steadylet"
	// Unknown means that it can't be told; the reason says what would help.
	Unknown Verdict = "unknown"
)

// Forecast is what is said of one container.
type Forecast struct {
	Namespace string  `json:"namespace"`
	Pod       string  `json:"pod"`
	Container string  `json:"container"`
	Kind      Kind    `json:"kind"`
	Verdict   Verdict `json:"verdict"`
	// Step is that of statefile.Decide by which steadylet keeps it, or 0 where it is
	// the UID of a static pod that is kept.
	Step   int    `json:"step,omitempty"`
	Reason string `json:"reason"`
}

// String is the verdict, with the step.
func (f Forecast) String() string {
	if f.Verdict == KeptBySteadylet && f.Step > 0 {
		return string(f.Verdict) + " (step " + string(rune('0'+f.Step)) + ")"
	}
	return string(f.Verdict)
}
