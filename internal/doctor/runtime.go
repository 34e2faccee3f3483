package doctor

import "strings"

// containerRuntime judges what the kubelet to come can talk to: dockershim is gone
// from 1.24 on, CRI v1alpha2 from 1.26 on.
func containerRuntime(f Facts) []Finding {
	r, to := f.Runtime, f.target()
	docker := strings.Contains(r.Endpoint, "dockershim") || f.From.Before(24) &&
		(f.Kubelet.ContainerRuntime == "docker" || f.Kubelet.ContainerRuntime == "" && len(f.Kubelet.Flags) > 0)
	switch {
	case docker && to.From(24):
		return found(Error, "move the node to containerd or CRI-O first, which replaces every container", "the kubelet uses Docker through dockershim, which %s does not have", to)
	case r.Err != nil:
		return found(Error, "see whether the runtime works (systemctl status containerd, crictl pods): without it the new kubelet starts no pod", "the container runtime gives no answer: %v", r.Err)
	case r.API != "v1" && to.From(26):
		return found(Error, "upgrade the runtime first (containerd 1.6, CRI-O 1.23 or later): containers run on meanwhile",
			"%s %s speaks CRI %s only, which %s does not", r.Name, r.Version, r.API, to)
	}
	return ok("%s %s answers at %s with CRI %s", r.Name, r.Version, r.Endpoint, r.API)
}

// cgroupDriver judges the feature KubeletCgroupDriverFromCRI: there from 1.28, on by default
// from 1.31, locked from 1.34 (pkg/features/kube_features.go). The kubelet then takes the driver
// from the runtime's RuntimeConfig, and from its own configuration where the runtime
// does not know that call (getCgroupDriverFromCRI, cmd/kubelet/app/server.go, to 1.37).
func cgroupDriver(f Facts) []Finding {
	c, r, to := f.Cgroups, f.Runtime, f.target()
	if c.Err != nil {
		return unknown("the cgroup driver", c.Err, "compare cgroupDriver of the kubelet's configuration with SystemdCgroup of containerd's, or cgroup_manager of CRI-O's")
	}
	next, from := c.Configured, "the kubelet's configuration"
	asks := to.From(34) || to.From(31) && (c.FromRuntime == nil || *c.FromRuntime) ||
		to.From(28) && c.FromRuntime != nil && *c.FromRuntime
	if asks && r.CgroupDriver != "" {
		next, from = r.CgroupDriver, "the container runtime"
	}
	remedy := "set cgroupDriver of the kubelet and the runtime's own (SystemdCgroup of containerd, cgroup_manager of CRI-O) to that of the groups there are, before the upgrade"
	switch {
	case len(c.InUse) > 1:
		return found(Warning, "remove the groups that no pod is in", "there are groups of pods of both cgroup drivers; %s will use %s, from %s", to, next, from)
	case len(c.InUse) == 1 && c.InUse[0] != next:
		return found(Error, remedy, "the pods are in groups of %s, and %s will use %s, from %s: it would recreate every pod", c.InUse[0], to, next, from)
	case r.Err != nil && asks:
		return unknown("the runtime's cgroup driver", r.Err, "see the finding of the runtime")
	case r.CgroupDriver != "" && r.CgroupDriver != c.Configured && !asks:
		return found(Warning, remedy, "the kubelet uses %s and the runtime %s", c.Configured, r.CgroupDriver)
	case len(c.InUse) == 0:
		return ok("%s will use %s, from %s; there is no pod yet that could be in groups of another", to, next, from)
	}
	return ok("%s will use %s, from %s, as the pods that run", to, next, from)
}

// cgroupVersion judges failCgroupV1: false by default from 1.31, true from 1.35
// (pkg/kubelet/apis/config/v1beta1/defaults.go).
func cgroupVersion(f Facts) []Finding {
	c, to := f.Cgroups, f.target()
	fails := to.From(35)
	if c.FailV1 != nil && to.From(31) {
		fails = *c.FailV1
	}
	switch {
	case c.Err != nil:
		return unknown("the version of the control groups", c.Err, "see stat -fc %T /sys/fs/cgroup: cgroup2fs is version 2")
	case c.Version == 1 && fails:
		return found(Error, "set failCgroupV1: false in the kubelet's configuration, which kubelets from 1.31 on know", "this host has cgroup v1, with which %s does not start", to)
	case c.Version == 1 && to.From(31):
		return found(Warning, "plan the move to cgroup v2, which takes a restart of the host", "this host has cgroup v1, which Kubernetes only maintains from 1.31 on")
	}
	return ok("cgroup v%d", c.Version)
}

// podCgroups judges cgroupsPerQOS: from 1.33 on a stock kubelet without groups of pods
// panics over containers that were kept (doPodResizeAction, pkg/kubelet/kuberuntime/
// kuberuntime_manager.go), so a patched one keeps none there.
func podCgroups(f Facts) []Finding {
	if to := f.target(); f.Cgroups.NoPods && to.From(33) {
		return found(Warning, "plan for these restarts, or drain the node: to switch cgroupsPerQOS on recreates every pod too",
			"cgroupsPerQOS is off, and there steadylet does nothing in %s: it behaves as stock, and restarts what a stock kubelet restarts", to)
	}
	if f.Cgroups.NoPods {
		return ok("cgroupsPerQOS is off, which matters from 1.33 on")
	}
	return ok("each pod has a group of its own")
}

// sandboxes judges what replaces a pod's sandbox, whatever the kubelet
// (PodSandboxChanged, pkg/kubelet/kuberuntime/util).
func sandboxes(f Facts) []Finding {
	if f.Runtime.Err != nil {
		return unknown("which sandboxes there are", f.Runtime.Err, "see the finding of the runtime")
	}
	ready := map[string]int{}
	var findings []Finding
	for _, sandbox := range f.Runtime.Sandboxes {
		if sandbox.Ready {
			ready[sandbox.Pod+sandbox.UID]++
		}
	}
	for _, sandbox := range f.Runtime.Sandboxes {
		key := sandbox.Pod + sandbox.UID
		switch {
		case ready[key] > 1:
			ready[key] = 1 // said once
			findings = append(findings, found(Warning, "let the kubelet that runs settle it before the upgrade, and look again", "%s has several sandboxes that are ready: any kubelet recreates it", sandbox.Pod)...)
		case ready[key] == 0:
			findings = append(findings, found(Warning, "let the kubelet that runs settle it before the upgrade, and look again", "%s has running containers in a sandbox that is not ready: any kubelet recreates it", sandbox.Pod)...)
		}
	}
	if len(findings) == 0 {
		return ok("%d sandboxes, one that is ready for each pod", len(f.Runtime.Sandboxes))
	}
	return findings
}
