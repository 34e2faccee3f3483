package nodestate

import (
	"cmp"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/steadylet/steadylet/statefile"
)

// Facts is what was seen of a node.
type Facts struct {
	// Version is the kubelet's, Started when it started, or no time when that isn't
	// known.
	Version string
	Started time.Time
	Now     time.Time
	// Manifests are those of static pods, Sandboxes those of the container runtime,
	// which were listed first.
	Manifests []ManifestFile
	Sandboxes []statefile.Sandbox
}

// LeftOut is a manifest whose pod is not recorded: the first patched start recreates
// it, as stock.
type LeftOut struct {
	Manifest string `json:"manifest"`
	Reason   string `json:"reason"`
}

// Plan is a state to write, and what it lacks.
type Plan struct {
	State    statefile.State
	LeftOut  []LeftOut
	Warnings []string
}

// MakePlan works out the state that a kubelet of that version would have recorded.
func MakePlan(facts Facts) Plan {
	plan := Plan{State: statefile.State{
		SchemaVersion: statefile.SchemaVersion,
		Kubelet:       statefile.Kubelet{Version: facts.Version, StartTime: facts.Started.UTC(), LastStart: facts.Started.UTC()},
	}}
	// The start is up to two seconds later than it really was (kubeletproc.Process.Started).
	if facts.Started.After(facts.Now.Add(2 * time.Second)) {
		plan.State.Kubelet.StartTime, plan.State.Kubelet.LastStart = time.Time{}, time.Time{}
		plan.Warnings = append(plan.Warnings, "the kubelet's start lies in the future, so it isn't recorded: see whether the clock is right")
	}
	twice := Twice(facts.Manifests)
	for _, manifest := range facts.Manifests {
		pod, reason := seed(manifest, facts)
		if files := twice[manifest.pod()]; manifest.Err == nil && files != nil {
			reason = GivenTwice(files) + ": move the others away, " +
				"since the kubelet reads every file whose name doesn't begin with a dot"
		}
		if reason != "" {
			plan.LeftOut = append(plan.LeftOut, LeftOut{manifest.Path, reason})
			continue
		}
		if plan.State.StaticPods == nil {
			plan.State.StaticPods = map[string]statefile.StaticPod{}
		}
		plan.State.StaticPods[manifest.Path] = pod
	}
	return plan
}

// Twice returns the pods, as "namespace/name", that more than one file gives, with those
// files, such as etcd.yaml and etcd.yaml.bak.
func Twice(manifests []ManifestFile) map[string][]string {
	files := map[string][]string{}
	for _, manifest := range manifests {
		if manifest.Err == nil {
			files[manifest.pod()] = append(files[manifest.pod()], manifest.Path)
		}
	}
	maps.DeleteFunc(files, func(_ string, paths []string) bool { return len(paths) < 2 })
	return files
}

// GivenTwice says of a pod of Twice, with its files, why nothing can be said of it.
func GivenTwice(files []string) string {
	return "more than one file gives this pod (" + strings.Join(files, ", ") + "), and which one runs is not known"
}

func (m ManifestFile) pod() string { return m.Namespace + "/" + m.Name }

// seed returns a static pod's entry, or why there is none.
func seed(manifest ManifestFile, facts Facts) (statefile.StaticPod, string) {
	if err := cmp.Or(manifest.Err, manifest.ChangedErr); err != nil {
		return statefile.StaticPod{}, err.Error()
	}
	pod, reason, ok := manifest.Seed(manifest.Changed, facts.Now, facts.Sandboxes)
	switch {
	case !ok:
		return statefile.StaticPod{}, reason + hint(manifest, facts.Sandboxes)
	case manifest.Generated != "" && manifest.Generated != pod.UID:
		return statefile.StaticPod{}, "it sets another UID than its sandbox has"
	}
	return pod, ""
}

// hint says what else the node may be called, where a static pod seems to run under
// another node's name.
func hint(manifest ManifestFile, sandboxes []statefile.Sandbox) string {
	for _, sandbox := range sandboxes {
		node, found := strings.CutPrefix(sandbox.Name, manifest.Base+"-")
		if found && sandbox.Name != manifest.Name && sandbox.Ready && sandbox.FromFile && sandbox.Namespace == manifest.Namespace {
			return fmt.Sprintf("; but %s runs: if the node is called %s, pass --node-name=%[2]s", sandbox.Name, node)
		}
	}
	return ""
}
