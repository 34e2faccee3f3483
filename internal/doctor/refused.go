package doctor

import (
	"strings"

	"github.com/steadylet/steadylet/internal/podmanifest"
)

// anyRefused is the first minor version that refuses a static pod for a reference.
const anyRefused = 29

// refusedStaticPods judges the static pods that name objects of the API server: see
// podmanifest.Refuse.
func refusedStaticPods(f Facts) []Finding {
	s, to := f.StaticPods, f.target()
	switch {
	case s.Err != nil:
		return unknown("whether "+to.String()+" refuses a static pod", s.Err, "see the finding of static-pods")
	case to.Before(anyRefused):
		return ok("%s takes static pods whatever they name", to)
	}
	var findings []Finding
	for _, pod := range s.Referring {
		if refusal := podmanifest.Refuse(to.text, pod.References, s.ReferencesGate); refusal.Refuses() {
			findings = append(findings, refused(f, pod, refusal)...)
		}
	}
	if len(s.Unread) > 0 {
		findings = append(findings, found(Unknown, "see that none of them is the manifest of a pod that names an object of the API server, such as a secret, a config map or a resource claim",
			"whether %s refuses these static pods is not known, since the files can't be read: %s", to, strings.Join(s.Unread, ", "))...)
	}
	if s.FromURL {
		findings = append(findings, found(Unknown, "see that none of them names an object of the API server, such as a secret, a config map or a resource claim",
			"whether %s refuses the static pods of the URL (staticPodURL, --manifest-url) is not known", to)...)
	}
	if len(findings) == 0 {
		return ok("no static pod names an object of the API server that %s refuses", to)
	}
	return findings
}

// refused judges one pod. What the old kubelet refuses too, and what does not run, an
// upgrade can't end.
func refused(f Facts, pod Referring, refusal podmanifest.Refusal) []Finding {
	to, runs := f.target(), f.Runtime.Err != nil
	for _, sandbox := range f.Runtime.Sandboxes {
		runs = runs || sandbox.Pod == pod.Pod
	}
	if !runs && f.From.Known() && podmanifest.Refuse(f.From.text, pod.References, f.StaticPods.ReferencesGate).Refuses() {
		return found(Warning, refusal.Remedy(), "%s refuses the static pod %s, and so does %s: it does not run; %s names objects of the API server in %s",
			to, pod.Pod, f.From, pod.Manifest, refusal.Fields())
	}
	return found(Error, refusal.Remedy(), "%s refuses the static pod %s, so it ends the pod and does not start it again: %s names objects of the API server in %s",
		to, pod.Pod, pod.Manifest, refusal.Fields())
}
