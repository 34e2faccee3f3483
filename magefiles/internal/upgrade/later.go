package upgrade

import (
	"context"
	"maps"
	"slices"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// The containers of pods that are created under a kubelet in between.
var (
	latePlain     = containerName{"late", "app"}
	lateRecent    = containerName{"late-recent", "app"}
	lateStatic    = containerName{"late-static", "app"}
	lateStaticUID = containerName{"late-static-uid", "app"}
)

// latePods are created under a kubelet in between, which may not know all their fields.
func latePods(options Options) []pod {
	recent := recentSpec(max(options.From.Version.Minor, options.To.Version.Minor))
	// The API server keeps this one behind a feature gate that adds it to other pods too.
	delete(recent["containers"].(list)[0].(object), "resizePolicy")
	secured := sleeper("app", object{"securityContext": object{"allowPrivilegeEscalation": false}})
	if fields, newer := newerField(options.From.Version.Minor, options.To.Version.Minor); newer {
		secured = sleeper("app", fields)
	}
	return []pod{
		{name: latePlain.Pod, spec: object{"containers": list{sleeper("app", nil)}}},
		{name: lateRecent.Pod, spec: recent},
		{name: lateStatic.Pod, static: true, spec: object{"containers": list{sleeper("app", nil)}}},
		{name: lateStaticUID.Pod, static: true, uid: "5f7e1ad5-0000-4000-8000-000000000005", spec: object{"containers": list{secured}}},
	}
}

// createLater creates the scenario's later pods under the running kubelet. What is counted
// of them begins when they all run.
func createLater(ctx context.Context, r *run) error {
	pods := r.scenario.later(r.options)
	r.cluster.pods = append(slices.Clip(r.cluster.pods), pods...)
	if err := r.cluster.createPods(ctx, pods); err != nil {
		return err
	}
	r.containers = containersOf(r.cluster.pods)
	if err := r.awaitAll(ctx); err != nil {
		return err
	}
	if err := r.awaitQuiet(ctx); err != nil {
		return err
	}
	before := r.mirrors
	if err := r.awaitMirrors(ctx); err != nil {
		return err
	}
	maps.Copy(r.mirrors, before)
	r.cluster.history.begin()
	return nil
}

// ofStockBetween is the effect of a start of a patched kubelet, that has a record, on a
// container with newer fields of a stock one that ran in between: the record misses that one,
// so the container counts as one of a kubelet that knew the fields.
func ofStockBetween(name containerName) effect {
	return effect{container: name, unless: func(before, after kubever.Version) expectation {
		switch {
		case after.Minor >= hashBoundary:
			return expectation{Kept, "from 1.31 on, a kubelet that the record misses costs no restart"}
		case before.Minor < after.Minor && before.Minor < appArmorSince:
			return expectation{MayRestart, "the record misses the stock kubelet, which did not know all fields"}
		}
		return expectation{Kept, "both kubelets know the same fields"}
	}}
}
