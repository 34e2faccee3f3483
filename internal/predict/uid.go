package predict

import (
	"fmt"
	"strings"
)

// uidChange is what a minor version did to the made-up UIDs of static pods.
type uidChange struct {
	// always says that every UID moved.
	always bool
	// of are the JSON paths of a pod that move its UID if they are there.
	of []string
}

// uidChanges has the minor versions that made up another UID than the one before, for
// all pods or for some (applyDefaults, pkg/kubelet/config/common.go; it is made of a
// dump of the Pod, so a new field moves it). Those that are missing changed nothing.
// magefiles/internal/impact reads the same off the sources, and compares.
var uidChanges = map[int]uidChange{
	18: {always: true}, 19: {always: true},
	21: {always: true}, // by the algorithm too
	22: {of: []string{
		"metadata.managedFields", "spec.volumes.ephemeral.volumeClaimTemplate", "spec.initContainers.securityContext.windowsOptions",
		"spec.containers.securityContext.windowsOptions", "spec.securityContext.windowsOptions",
	}},
	23: {always: true}, 24: {always: true}, 25: {always: true}, 26: {always: true}, 27: {always: true}, 28: {always: true},
	29: {of: []string{
		"spec.volumes.ephemeral.volumeClaimTemplate", "spec.volumes.projected.sources",
		"spec.initContainers.lifecycle.postStart", "spec.initContainers.lifecycle.preStop",
		"spec.containers.lifecycle.postStart", "spec.containers.lifecycle.preStop",
		"spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution", "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution",
		"spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution", "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution",
	}},
	30: {always: true}, 31: {always: true}, 32: {always: true}, 33: {always: true}, 34: {always: true},
	35: {always: true}, // by the algorithm too
	36: {always: true}, 37: {always: true},
}

// UIDChange says whether a minor version makes up another UID for every static pod than
// the version before it, or which JSON paths of a pod move its UID. Lists are left out of
// a path: it stands for that of each element.
func UIDChange(minor int) (always bool, of []string) {
	change := uidChanges[minor]
	return change.always, change.of
}

// movesUID says why a static pod gets another UID, or nothing. known is false where that
// depends on what isn't known of the pod.
func (u Upgrade) movesUID(pod Pod) (reason string, known bool) {
	low, high := min(u.From.Minor, u.To.Minor), max(u.From.Minor, u.To.Minor)
	known = true
	for minor := low + 1; minor <= high; minor++ {
		always, of := UIDChange(minor)
		if always {
			return fmt.Sprintf("1.%d makes up another UID for every static pod", minor), true
		}
		for _, path := range of {
			switch {
			case pod.Has == nil:
				known = false
			case pod.Has(path):
				return fmt.Sprintf("1.%d makes up another UID for a static pod with %s", minor, path), true
			}
		}
	}
	return "", known
}

// hasPath reports whether decoded JSON has something at a path.
func hasPath(value any, path string) bool {
	if path == "" {
		return value != nil
	}
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			if hasPath(element, path) {
				return true
			}
		}
	case map[string]any:
		name, rest, _ := strings.Cut(path, ".")
		below, there := value[name]
		return there && hasPath(below, rest)
	}
	return false
}
