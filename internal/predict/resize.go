package predict

import (
	"bytes"
	"encoding/json"
	"fmt"

	v1 "k8s.io/api/core/v1"

	"github.com/steadylet/steadylet/statefile"
)

// What resizing in place does to an upgrade: the feature gate InPlacePodVerticalScaling
// (pkg/features/kube_features.go).
const (
	// resizeSince and actuatedSince are the minor versions that added it, off by default,
	// and that switched it on. From actuatedSince on a kubelet keeps a record of the
	// resources that a container was started with (pkg/kubelet/allocation).
	resizeSince, actuatedSince = 27, 33
	// resizeLocked is the one from which it can't be switched off.
	resizeLocked = 35
	// staticResizeSince is the one from which static pods are resized too
	// (IsInPlacePodVerticalScalingAllowed, pkg/kubelet/allocation/features_linux.go), and
	// from which a limit of the pod counts for a container that has none
	// (containerResourcesFromRequirements, kuberuntime_manager.go, with the gate
	// InPlacePodLevelResourcesVerticalScaling, which is on from then).
	staticResizeSince = 36
)

// noPodCgroups is why a patched kubelet does as stock (asStock, pkg/kubelet/steadylet, of
// patches/restart-suppression).
const noPodCgroups = "; cgroupsPerQOS is off, and there a patched kubelet from 1.33 on does as stock"

// asStock reports whether the new kubelet is a patched one that does as stock.
func (u Upgrade) asStock() bool {
	return u.To.Patched && Patchable(u.To.Minor) && u.NoPodCgroups && u.To.Minor >= actuatedSince
}

// resized takes a forecast by the hash further: to what kubelets do about resizing.
func (u Upgrade) resized(pod Pod, c Container, f Forecast) Forecast {
	if f.Verdict != Restarts {
		if reason := u.actuates(pod, c); reason != "" {
			return Forecast{Verdict: Restarts, Reason: reason}
		}
	}
	if !u.mayBeResized(pod, c) {
		return f
	}
	const resized = "kubelets from 1.27 to 1.30 with InPlacePodVerticalScaling leave the old hash on a container that they resize"
	switch whole := c.Annotated != nil && c.Exact; {
	case !whole && (f.Verdict == Kept || f.Verdict == KeptBySteadylet):
		return Forecast{Verdict: Unknown, Reason: resized + askRuntime}
	case whole && f.Verdict == Restarts && u.To.Minor >= resizeSince && u.To.Minor < pickedSince:
		return Forecast{Verdict: Unknown, Reason: resized + ": whether the new one keeps it depends on that feature gate"}
	}
	return f
}

// mayBeResized reports whether the old kubelet may have resized a container whose hash
// covers its resources. With the gate on, kubelets from 1.27 to 1.30 go on comparing a
// second hash then, which covers everything else (computePodActions,
// pkg/kubelet/kuberuntime/kuberuntime_manager.go of 1.30).
func (u Upgrade) mayBeResized(pod Pod, c Container) bool {
	on := c.Resizable || u.Resize != nil && *u.Resize
	if !on || u.From.Minor < resizeSince || u.From.Minor >= pickedSince || pod.Static || c.Kind != Regular || c.Spec == nil {
		return false
	}
	created, ok := statefile.HashBy(u.From.Text, c.Spec, c.Image, c.Name)
	return !ok || c.Annotated == nil || !c.Exact || *c.Annotated != created
}

// actuates says why a kubelet, stock or patched, restarts a container of which it has no
// record with what resources it was started: one that runs since before 1.33. It takes
// them for nothing, so that any CPU or memory in the spec reads as a resize, and does
// what the resizePolicy says (computePodResizeAction,
// pkg/kubelet/kuberuntime/kuberuntime_manager.go of 1.33 to 1.37; for regular containers
// and for sidecars).
func (u Upgrade) actuates(pod Pod, c Container) string {
	if u.From.Minor >= actuatedSince || u.To.Minor < actuatedSince || c.Kind == Initial ||
		pod.Static && u.To.Minor < staticResizeSince || !bytes.Contains(c.Spec, []byte(v1.RestartContainer)) {
		return ""
	}
	unless := ""
	if u.To.Minor < resizeLocked {
		if u.Resize != nil && !*u.Resize {
			return ""
		}
		unless = ", unless its feature gate InPlacePodVerticalScaling is off"
	}
	resource := restartsFor(c.Spec, pod.Resources, u.To.Minor >= staticResizeSince)
	if resource == "" {
		return ""
	}
	return fmt.Sprintf("its resizePolicy for %s is RestartContainer, and a kubelet from 1.33 on, stock or patched, has no record of the %[1]s that an older one started it with%s", resource, unless)
}

// restartsFor returns the resource of which a container has some, and for which its first
// resizePolicy says that a resize restarts it. ofPod are the pod's own resources, in JSON,
// whose limits count where podLimits says so.
func restartsFor(spec, ofPod []byte, podLimits bool) string {
	var container struct {
		Resources    v1.ResourceRequirements
		ResizePolicy []v1.ContainerResizePolicy
	}
	if json.Unmarshal(spec, &container) != nil {
		return ""
	}
	lists := []v1.ResourceList{container.Resources.Limits, container.Resources.Requests}
	var pod v1.ResourceRequirements
	if podLimits && json.Unmarshal(ofPod, &pod) == nil {
		lists = append(lists, pod.Limits)
	}
	decided := map[v1.ResourceName]bool{}
	for _, policy := range container.ResizePolicy {
		name := policy.ResourceName
		if decided[name] || name != v1.ResourceCPU && name != v1.ResourceMemory {
			continue
		}
		decided[name] = true
		if policy.RestartPolicy != v1.RestartContainer {
			continue
		}
		for _, list := range lists {
			if quantity, has := list[name]; has && !quantity.IsZero() {
				return string(name)
			}
		}
	}
	return ""
}
