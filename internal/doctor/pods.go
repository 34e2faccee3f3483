package doctor

import "strings"

// staticPods judges what a static pod's UID hangs on: see the README, "How a container
// is kept".
func staticPods(f Facts) []Finding {
	s := f.StaticPods
	var findings []Finding
	switch {
	case s.Err != nil:
		return found(Error, "make the folder, name another with --pod-manifest-path, or take staticPodPath out of the kubelet's configuration", "the static pods can't be read: %v", s.Err)
	case s.Path == "" && !s.FromURL:
		return ok("this kubelet has no static pods")
	case len(s.Loose) > 0:
		findings = found(Warning, "run steadylet state generate while the old kubelet runs",
			"%s: no UID of their own and no record of it, so their containers are kept only if the new kubelet can tell that the manifests are unchanged", strings.Join(s.Loose, ", "))
	}
	for _, pod := range s.Twice {
		findings = append(findings, found(Warning, "move all files but one out of the folder, or give their names a dot in front: the kubelet reads every other file", "%s: more than one file gives this pod, and which one runs is not known", pod)...)
	}
	for _, left := range s.LeftOut {
		findings = append(findings, found(Warning, "bring pod and manifest together first, or plan for its restart", "%s will be recreated", left)...)
	}
	if s.FromURL {
		findings = append(findings, found(Warning, "give each of them a metadata.uid first, or plan for their restart",
			"the kubelet takes static pods from a URL (staticPodURL, --manifest-url): one without a UID of its own gets another, and is recreated, where the kubelets make up different ones")...)
	}
	if len(findings) == 0 {
		return ok("%d static pods in %s, each with a UID of its own or in the state file", s.Pods, s.Path)
	}
	return findings
}

// resizePolicy judges pods whose resources a kubelet from 1.33 on believes to be
// changed, where the one before kept no record of those in effect
// (actuated_pods_state, pkg/kubelet/allocation and kuberuntime).
func resizePolicy(f Facts) []Finding {
	p := f.Pods
	switch {
	case !f.target().From(33) || f.From.From(33):
		return ok("nothing hangs on resizePolicy from %s to %s", f.From, f.target())
	case len(p.RestartOnResize) > 0 && !p.Actuated:
		return found(Warning, "set resizePolicy of their containers to NotRequired where that can be, or plan for their restart",
			"a container with resizePolicy RestartContainer may restart, whatever the kubelet, as there is no record of the resources in effect: %s", strings.Join(p.RestartOnResize, ", "))
	case p.Err != nil:
		return unknown("whether a pod has resizePolicy RestartContainer", p.Err, "see kubectl get pods -A -o yaml --field-selector spec.nodeName=NODE")
	}
	return ok("no pod has a container with resizePolicy RestartContainer")
}

// sidecars judges the way back past the first version with sidecars on by default
// (SidecarContainers, 1.29).
func sidecars(f Facts) []Finding {
	p := f.Pods
	switch {
	case !f.From.From(29) || !f.To.Before(29):
		return ok("nothing hangs on sidecars from %s to %s", f.From, f.target())
	case len(p.Sidecars) > 0:
		return found(Error, "move these pods away first", "%s does not know sidecars, and waits for them to end: %s", f.To, strings.Join(p.Sidecars, ", "))
	case p.Err != nil:
		return unknown("whether a pod has a sidecar", p.Err, "see kubectl get pods -A -o yaml --field-selector spec.nodeName=NODE")
	}
	return ok("no pod has a sidecar")
}

// devices judges re-admission (kubernetes issues 118559 and 124345).
func devices(f Facts) []Finding {
	d := f.Devices
	switch {
	case d.Err != nil:
		return unknown("whether pods have devices", d.Err, "see device-plugins/kubelet_internal_checkpoint in the kubelet's root directory")
	case d.Pods > 0:
		return found(Warning, "have the device plugin ready before the kubelet starts, or move these pods away: those of before may end with UnexpectedAdmissionError",
			"%d pods have a device of a plugin, which may not be registered yet when they are admitted again", d.Pods)
	}
	return ok("no pod has a device of a plugin")
}
