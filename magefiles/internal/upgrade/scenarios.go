package upgrade

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

var (
	plainApp   = containerName{"plain", "app"}
	richApp    = containerName{"rich", "app"}
	richHelper = containerName{"rich", "helper"}
	recentApp  = containerName{"recent", "app"}
	staticApp  = containerName{"static", "app"}
	staticUID  = containerName{"static-uid", "app"}

	sidecarProxy = containerName{"sidecar", "proxy"}

	// In scenarios that have them:
	staticNewer = containerName{"static-newer", "app"}
	staticLater = containerName{"static-later", "app"}
	resizeApp   = containerName{"resize", "app"}
)

const edited = "its image was edited"

func oneMoreStart(o Options) []Kubelet { return []Kubelet{o.From, o.To, o.To} }
func thereAndBack(o Options) []Kubelet { return []Kubelet{o.From, o.To, o.From} }
func backward(o Options) []Kubelet     { return []Kubelet{o.To, o.From} }
func overAnother(o Options) []Kubelet  { return []Kubelet{o.From, o.Via, o.To} }
func backBetween(o Options) []Kubelet  { return []Kubelet{o.To, o.From, o.To} }

// Scenarios lists all scenarios.
func Scenarios() []Scenario {
	var all []Scenario
	for _, some := range [][]Scenario{upgrades(), staticEdits(), damages(), directions(), fieldScenarios()} {
		all = append(all, some...)
	}
	return all
}

// upgrades are about what happens to API pods around a plain upgrade.
func upgrades() []Scenario {
	return []Scenario{
		{Name: "plain", Summary: "nothing else happens", proof: both(recorded, counted)},
		{Name: "edit-before", Summary: "an image is edited under the old kubelet, which restarts it",
			events: []event{under(0, edit, restarts(plainApp, edited))}},
		{Name: "edit-during", Summary: "another tag of the same image is asked for while no kubelet runs",
			events: []event{down(edit, restarts(plainApp, edited))}},
		{Name: "edit-content", Summary: "another image is asked for while no kubelet runs",
			events: []event{down(editContent, restarts(plainApp, edited))}},
		{Name: "edit-after", Summary: "an image is edited under the new kubelet",
			events: []event{under(-1, edit, restarts(plainApp, edited))}},
		{Name: "edit-undone", Summary: "an image is edited and edited back while no kubelet runs", events: []event{down(both(edit, undo))}},
		{Name: "edit-and-back", Summary: "an image is edited under the old kubelet, and edited back while no kubelet runs",
			events: []event{under(0, edit, restarts(plainApp, edited)), down(undo, restarts(plainApp, edited))}},
		{Name: "death", Summary: "a container dies while no kubelet runs",
			events: []event{down(killContainer(richHelper), restarts(richHelper, "it died"))}},
		{Name: "liveness", Summary: "a liveness probe fails under the new kubelet",
			events: []event{under(-1, makeSick, restarts(richApp, "its liveness probe failed"))}},
		{Name: "sidecar-edit", Summary: "the image of a sidecar is edited while no kubelet runs", fits: sidecarsRestart,
			events: []event{down(editSidecar, restarts(sidecarProxy, edited))}},
	}
}

// staticEdits are about manifests that are edited.
func staticEdits() []Scenario {
	return []Scenario{
		{Name: "static-edit", Summary: "the image of a static pod is edited while no kubelet runs",
			events: []event{down(editManifest(staticApp, otherTag), restarts(staticApp, edited))}},
		{Name: "static-uid-edit", Summary: "the image of a static pod with a UID is edited while no kubelet runs",
			events: []event{down(editManifest(staticUID, otherTag), restarts(staticUID, edited))}},
		{Name: "static-spec-edit", Summary: "fields of static pods, but no image, are edited and added while no kubelet runs",
			extra: moreStaticPods,
			events: []event{
				down(editManifest(staticApp, variable("one")), restarts(staticApp, specEdited)),
				down(editManifest(staticUID, variable("one")), specEdit(staticUID)),
				down(addNewerField(staticNewer), newerFieldEdit(staticNewer)),
			}},
		{Name: "static-spec-edit-after", Summary: "fields of static pods are edited and added under the new kubelet, and again before its next start",
			extra: moreStaticPods, path: oneMoreStart,
			events: []event{
				under(1, editManifest(staticApp, variable("one")), restarts(staticApp, specEdited)),
				under(1, editManifest(staticUID, variable("one")), specEdit(staticUID)),
				under(1, addNewerField(staticNewer), specEdit(staticNewer)),
				down(editManifest(staticApp, variable("two")), restarts(staticApp, specEdited)),
				down(editManifest(staticUID, variable("two")), specEdit(staticUID)),
				down(addNewerField(staticLater), specEdit(staticLater)),
			}},
	}
}

// damages are about what only a patched kubelet has.
func damages() []Scenario {
	return []Scenario{
		{Name: "lost", Summary: "the state folder is removed", path: oneMoreStart, events: []event{down(loseState)}, PatchedTo: true},
		{Name: "corrupt", Summary: "bytes of the state file and of its copy are overwritten", path: oneMoreStart,
			events: []event{down(corruptState)}, proof: both(setAside, recorded), PatchedTo: true},
		{Name: "corrupt-edit", Summary: "the state is damaged and an image is edited", path: oneMoreStart,
			events: []event{down(both(corruptState, edit), restarts(plainApp, edited))},
			proof:  both(setAside, recorded), PatchedTo: true},
		{Name: "read-only", Summary: "the state folder can't be written, over two starts", path: oneMoreStart,
			events: []event{{moment{kubelet: 1}, mountReadOnly, nil}}, proof: stillReadOnly, PatchedTo: true},
		{Name: "disk-full", Summary: "the disk of the state folder is full", events: []event{down(both(mountSmall, fillState))},
			proof: notRecorded, PatchedTo: true},
		{Name: "clock", Summary: "the clock is set back by a day", path: oneMoreStart, events: []event{down(setClockBack)}, PatchedTo: true},
		{Name: "killed", Summary: "the new kubelet is killed ten times within its first sync, and before and after it",
			events: []event{down(killFirstSyncs)}, fits: tellsOfSyncs, PatchedTo: true},
		{Name: "disabled", Summary: "the kill switch is on", events: []event{down(disable)}, asStock: true,
			proof: both(notRecorded, saysDisabled("/steadylet/disable")), PatchedTo: true},
		{Name: "disabled-by-variable", Summary: "the kill switch is on, in the kubelet's environment", events: []event{down(disableByVariable)}, asStock: true,
			proof: both(notRecorded, saysDisabled("STEADYLET_DISABLE")), PatchedTo: true},
		{Name: "off-and-on", Summary: "the kill switch is on for the new kubelet's first start, and off for its second", path: oneMoreStart,
			events: []event{under(0, disable), down(enable)}, asStock: true, PatchedFrom: true, PatchedTo: true},
	}
}

// directions are about other paths than from one kubelet to another.
func directions() []Scenario {
	return []Scenario{
		{Name: "hops", Summary: "there is another version in between", Via: true, PatchedTo: true, path: overAnother},
		{Name: "hops-edit", Summary: "fields of static pods are edited and added between the second kubelet and the third", Via: true, PatchedVia: true,
			PatchedTo: true, path: overAnother, extra: moreStaticPods,
			events: []event{
				down(editManifest(staticUID, variable("one")), specEdit(staticUID)),
				down(addNewerField(staticNewer), newerFieldEdit(staticNewer)),
			}},
		{Name: "stock-between", Summary: "the old kubelet, a stock one, runs between two starts of the new one, and pods are created under it",
			StockFrom: true, PatchedTo: true, path: backBetween, later: latePods,
			events: []event{
				under(1, createLater),
				down(nothing, ofStockBetween(lateRecent), ofStockBetween(lateStaticUID)),
			}},
		{Name: "stock-again", Summary: "to the new kubelet, a patched one, and back to the old one, a stock one", StockFrom: true, PatchedTo: true, path: thereAndBack},
		{Name: "rollback", Summary: "from the new kubelet to the old one", PatchedFrom: true, PatchedTo: true, path: backward},
		{Name: "rollback-edit", Summary: "an image and fields of static pods are edited during a rollback", PatchedFrom: true, PatchedTo: true, path: backward,
			events: []event{
				down(edit, restarts(plainApp, edited)),
				down(editManifest(staticApp, variable("one")), restarts(staticApp, specEdited)),
				down(editManifest(staticUID, variable("one")), specEdit(staticUID)),
			}},
		{Name: "forth-and-back", Summary: "to the new kubelet and back to the old one", PatchedFrom: true, PatchedTo: true, path: thereAndBack},
		{Name: "forth-and-back-edit", Summary: "a field of a static pod is edited under the new kubelet, before the way back to the old one",
			PatchedFrom: true, PatchedTo: true, path: thereAndBack, events: []event{
				under(1, editManifest(staticUID, variable("one")), specEdit(staticUID)),
				down(nothing, specEditSeenBack(staticUID)),
			}},
	}
}

// fieldScenarios are about fields of a container.
func fieldScenarios() []Scenario {
	return []Scenario{
		{Name: "newer-fields", Summary: "the pods have fields that the old kubelet does not know", NewerFields: true,
			fits: gainsFields, PatchedTo: true},
		{Name: "dropped-fields", Summary: "to the old kubelet, which does not know fields of the pods", NewerFields: true,
			path: backward, fits: gainsFields, proof: both(recorded, announced), PatchedFrom: true, PatchedTo: true},
		{Name: "dropped-fields-edit", Summary: "to the old kubelet, and the image beside the fields that it does not know is edited", NewerFields: true,
			path: backward, fits: gainsFields, events: []event{down(editRecent, restarts(recentApp, edited))},
			PatchedFrom: true, PatchedTo: true},
		{Name: "dropped-fields-clock", Summary: "to the old kubelet, which can't tell what the new one hashed, and the clock is set back", NewerFields: true,
			path: backward, fits: dropsHashedFields, PatchedFrom: true, PatchedTo: true,
			events: []event{down(setClockBack, restarts(recentApp, ofUnknownKubelet), resizableOfUnknownKubelet(richApp))}},
		{Name: "resize-policy", Summary: "a container has the resizePolicy RestartContainer, which kubelets from 1.33 on may restart", fits: actuates,
			extra: resizablePod, events: []event{down(nothing, effect{container: resizeApp, unless: mayActuate, foreseen: true})}},
	}
}

// otherTag and variable are edits of a container.
var otherTag = object{"image": testnode.EditedImage}

func variable(value string) object {
	return object{"env": list{object{"name": "EDITED", "value": value}}}
}

const specEdited = "its spec was edited"

// specEdit is the effect of an edit of anything but image and name, in a static pod with a
// UID of its own: kubelets from 1.31 on hash these two only, and what a later kubelet up to
// 1.30 hashed may have had fields that an older one can't read.
func specEdit(name containerName) effect {
	return effect{container: name, reason: specEdited, unless: func(before, after kubever.Version) expectation {
		switch {
		case before.Minor < hashBoundary && after.Minor < before.Minor:
			return expectation{MayRestart, fmt.Sprintf("1.%d can't tell what 1.%d hashed", after.Minor, before.Minor)}
		case before.Minor < hashBoundary:
			return expectation{}
		case after.Minor < hashBoundary:
			return expectation{MayRestart, "the hash of 1.31 does not cover what was edited"}
		}
		return expectation{Kept, "from 1.31 on, an edit of this field restarts nothing"}
	}}
}

// specEditSeenBack is the effect of such an edit on the way back: the hash on a container
// of the old kubelet covers it, where the new one, which has seen the edit, hashes less.
func specEditSeenBack(name containerName) effect {
	return effect{container: name, reason: specEdited, unless: func(before, after kubever.Version) expectation {
		if before.Minor >= hashBoundary && after.Minor < hashBoundary {
			return expectation{}
		}
		return expectation{Kept, "the kubelet before has settled it"}
	}}
}

const ofUnknownKubelet = "after the clock was set back, nobody knows which kubelet made it"

// resizableOfUnknownKubelet is the effect of such a clock on a container with resources, to
// which the rig's API server adds a resizePolicy that older kubelets drop.
func resizableOfUnknownKubelet(name containerName) effect {
	return effect{container: name, reason: ofUnknownKubelet, unless: func(before, after kubever.Version) expectation {
		if before.Minor >= resizePolicySince && after.Minor < resizePolicySince {
			return expectation{}
		}
		return expectation{Kept, "both kubelets know all its fields"}
	}}
}

// newerFieldEdit is the effect of adding a field that the kubelet before may not know: then
// it is taken for one that was always there, for nobody knows what that kubelet left out.
func newerFieldEdit(name containerName) effect {
	whole := specEdit(name)
	return effect{container: name, reason: specEdited, unless: func(before, after kubever.Version) expectation {
		if _, newer := newerField(before.Minor, after.Minor); newer {
			return expectation{MayRestart, fmt.Sprintf("1.%d did not know the field that was added", before.Minor)}
		}
		return whole.unless(before, after)
	}}
}

// resizeSince is the minor version from which kubelets record what resources they gave to
// a container; without such a record they take it for one that is to be resized.
const resizeSince = 33

func mayActuate(_, _ kubever.Version) expectation {
	return expectation{MayRestart, "from 1.33 on, kubelets resize what they have no record of (stock ones too)"}
}

func actuates(from, to kubever.Version) error {
	if from.Minor < resizePolicySince || from.Minor >= resizeSince || to.Minor < resizeSince {
		return errors.New("an old kubelet from 1.27 to 1.32 and a new one from 1.33 on")
	}
	return nil
}

func sidecarsRestart(from, to kubever.Version) error {
	if from.Minor < 29 || to.Minor < 32 {
		return errors.New("an old kubelet from 1.29 on and a new one from 1.32 on, which restarts sidecars for an edit")
	}
	return nil
}

// gainsFields wants the newer kubelet to know fields of the pods that the older one does not.
func gainsFields(from, to kubever.Version) error {
	if reflect.DeepEqual(recentSpec(from.Minor), recentSpec(to.Minor)) {
		return errors.New("two versions of which one knows fields of the rig's pods that the other one does not")
	}
	return nil
}

// dropsHashedFields wants the newer kubelet to hash fields that the older one does not know.
func dropsHashedFields(from, to kubever.Version) error {
	if from.Minor >= to.Minor || to.Minor >= hashBoundary || gainsFields(from, to) != nil {
		return errors.New("an old kubelet and a newer one up to 1.30, which knows fields of the rig's pods that the old one does not")
	}
	return nil
}

// tellsOfSyncs wants a kubelet whose log says when it syncs a pod.
func tellsOfSyncs(_, to kubever.Version) error {
	if to.Minor < 22 {
		return errors.New("a new kubelet from 1.22 on, whose log says when it syncs a pod")
	}
	return nil
}
