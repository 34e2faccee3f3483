package podmanifest

import (
	"fmt"
	"strings"

	"golang.org/x/mod/semver"
)

// ReferencesGate is the feature gate of kubelets 1.34 to 1.36 that has them refuse a static
// pod with references. It is on by default (pkg/features/kube_features.go).
const ReferencesGate = "PreventStaticPodAPIReferences"

// ReferencesGates are the feature gates that set [ReferencesGate]: the first one of them
// that a node sets counts. It is a beta gate wherever there is one.
func ReferencesGates() []string { return []string{ReferencesGate, "AllBeta"} }

// Refusal says what has a kubelet refuse a static pod. The zero Refusal has nothing: the
// kubelet takes the pod.
//
// A kubelet that refuses the manifest of a pod that runs ends the pod, as one that nobody
// wants any more, and does not start it again (extractFromDir, pkg/kubelet/config/file.go;
// HandlePodCleanups, pkg/kubelet/kubelet_pods.go). Where the manifest is not in a folder
// but from a URL, or the only file, that source of pods never becomes ready: then the
// kubelet lets the containers run, and does nothing more about them.
type Refusal struct {
	References []Reference
	// Gated says that the kubelet takes the pod where [ReferencesGate] is off.
	Gated bool
}

// Refuse says what has a kubelet of a version, stock or patched, refuse a static pod with
// these references (tryDecodeSinglePod, pkg/kubelet/config/common.go). gate is what
// [ReferencesGates] come to on the node, or nil where the default counts:
//
//	1.29 and later                 cluster trust bundles
//	1.32.6, 1.33.2 and later       resource claims too
//	1.34 to 1.36, the gate is on   every reference
//	1.37                           every reference
func Refuse(version string, references []Reference, gate *bool) Refusal {
	version, _, _ = strings.Cut(version, "+")
	version, _, _ = strings.Cut(version, "-") // a distribution's, as v1.34.4-eks-1a2b3c4
	from := func(first string) bool { return semver.Compare(version, first) >= 0 }
	var always []Reference
	for _, reference := range references {
		switch {
		case reference.Object == trustBundle && from("v1.29.0"),
			reference.Object == resourceClaim && (from("v1.33.2") || from("v1.32.6") && !from("v1.33.0")):
			always = append(always, reference)
		}
	}
	switch {
	case len(references) == 0:
		return Refusal{}
	case from("v1.37.0"):
		return Refusal{References: references}
	case from("v1.34.0") && (gate == nil || *gate):
		return Refusal{References: references, Gated: len(always) == 0}
	}
	return Refusal{References: always}
}

// Refuses reports whether the kubelet refuses the pod.
func (r Refusal) Refuses() bool { return len(r.References) > 0 }

// named is how many fields a refusal names.
const named = 5

// Fields names the fields, with the kind of object of each.
func (r Refusal) Fields() string {
	var fields []string
	for _, reference := range r.References[:min(len(r.References), named)] {
		fields = append(fields, fmt.Sprintf("%s (%s)", reference.Field, reference.Object))
	}
	text := strings.Join(fields, ", ")
	if more := len(r.References) - named; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Remedy says what to do before the upgrade.
func (r Refusal) Remedy() string {
	remedy := "remove these fields from the manifest before the upgrade"
	if r.Gated {
		remedy += ", or set the feature gate " + ReferencesGate + " to false (only kubelets from 1.34 to 1.36 start with this gate)"
	}
	return remedy
}
