package predict

import (
	"fmt"

	"github.com/steadylet/steadylet/internal/podmanifest"
)

// refused judges a static pod by what it names. The verdict is empty for one that the new
// kubelet takes.
func (u Upgrade) refused(pod Pod) Forecast {
	refusal := podmanifest.Refuse(u.To.Text, pod.References, u.ReferencesGate)
	if !pod.Static || !refusal.Refuses() {
		return Forecast{}
	}
	unless := ""
	if refusal.Gated && u.ReferencesGate == nil {
		unless = ", unless its feature gate " + podmanifest.ReferencesGate + " is off"
	}
	reason := fmt.Sprintf("%s refuses this static pod%s: it names objects of the API server in %s; %s", u.To.short(), unless, refusal.Fields(), refusal.Remedy())
	if pod.FromURL {
		reason += "; it refuses every pod of that URL then, and nothing restarts their containers any more"
	}
	return Forecast{Verdict: Ends, Reason: reason}
}

// EndsUnlisted reports whether the upgrade may end static pods that no list of the API
// server has: it takes no mirror pod of a pod that names such objects
// (plugin/pkg/admission/noderestriction and serviceaccount).
func (u Upgrade) EndsUnlisted() bool {
	one := []podmanifest.Reference{{}}
	from, to := podmanifest.Refuse(u.From.Text, one, u.ReferencesGate), podmanifest.Refuse(u.To.Text, one, u.ReferencesGate)
	return to.Refuses() && (!from.Refuses() || from.Gated && !to.Gated)
}
