package upgrade

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/steadylet/steadylet/internal/cri"
	"github.com/steadylet/steadylet/internal/nodepods"
	"github.com/steadylet/steadylet/internal/predict"
	"github.com/steadylet/steadylet/magefiles/internal/testnode"
	"github.com/steadylet/steadylet/statefile"
)

// Forecasts are what package predict said of a container before the upgrade.
type Forecasts struct {
	// Asked goes by the API server's pods, the manifests and the hashes that are on the
	// containers, as on a node; Listed by the old kubelet's list of pods alone.
	Asked, Listed predict.Forecast
}

// foreseen reports whether the outcome is compared with a forecast, which is about going
// from the first kubelet to the last: one in between must restart nothing that the last
// one would keep. Of a kubelet that does as stock after a patched one, nobody knows with
// which UIDs it finds static pods.
func (s Scenario) foreseen(options Options) bool {
	path := s.kubelets(options)
	last := path[len(path)-1]
	for _, between := range path[1:] {
		if !between.Patched && between.Version != last.Version {
			return false
		}
	}
	return !s.asStock || !path[0].Patched
}

// touched reports whether somebody does something to a container, which no forecast foresees.
func (s Scenario) touched(name containerName) bool {
	for _, event := range s.events {
		for _, effect := range event.effects {
			if effect.container == name && !effect.foreseen {
				return true
			}
		}
	}
	return false
}

// forecastOf returns what the outcome of a container is compared with, or nil where that
// is nothing. One that was left out of the forecast is compared all the same.
func (r *run) forecastOf(name containerName) *Forecasts {
	if r.forecasts == nil || r.scenario.touched(name) {
		return nil
	}
	forecasts := r.forecasts[name]
	return &forecasts
}

// forecast says what the upgrade from the first kubelet to the last will do. It is asked
// while the first one runs.
func (r *run) forecast(ctx context.Context) (map[containerName]Forecasts, error) {
	upgrade, err := r.foreseen()
	if err != nil {
		return nil, err
	}
	pods, err := r.askedPods(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking for the pods: %w", err)
	}
	found := map[containerName]Forecasts{}
	r.collect(upgrade, pods, func(name containerName, f predict.Forecast) { found[name] = Forecasts{Asked: f} })
	if pods, err = r.listedPods(ctx); err != nil {
		return nil, fmt.Errorf("asking the kubelet for its pods: %w", err)
	}
	r.collect(upgrade, pods, func(name containerName, f predict.Forecast) {
		both := found[name]
		both.Listed = f
		found[name] = both
	})
	return found, nil
}

// foreseen is the upgrade that is forecast.
func (r *run) foreseen() (predict.Upgrade, error) {
	path := r.scenario.kubelets(r.options)
	upgrade := predict.Upgrade{From: path[0].foreseen(), To: path[len(path)-1].foreseen(), Now: time.Now()}
	upgrade.To.Patched = upgrade.To.Patched && !r.scenario.asStock
	if !path[0].Patched {
		return upgrade, nil
	}
	var err error
	if upgrade.State, err = statefile.Load(r.stateFile()); err != nil {
		return upgrade, fmt.Errorf("reading the old kubelet's record: %w", err)
	}
	return upgrade, nil
}

func (k Kubelet) foreseen() predict.Version {
	version := predict.Version{Text: k.Version.String(), Minor: k.Version.Minor, Patched: k.Patched}
	if k.Patched {
		version.Text += "+steadylet"
	}
	return version
}

// askedPods are those of the API server and of the manifests, with the hashes that are on
// their containers.
func (r *run) askedPods(ctx context.Context) (pods []predict.Pod, err error) {
	containers, err := cri.Containers(ctx, "unix://"+r.cluster.node.Runtime.Socket(), cri.DefaultWithin)
	if err != nil {
		return nil, err
	}
	runtime := nodepods.NewRuntime(containers)
	keep := func(pod predict.Pod) error {
		pods = append(pods, pod)
		return runtime.Annotate(&pods[len(pods)-1], testnode.NodeName)
	}
	list, err := r.cluster.plane.api.text(ctx, r.cluster.podsPath())
	if err != nil {
		return nil, err
	}
	_, err = predict.ReadPods(strings.NewReader(list), func(pod predict.Pod) error {
		if pod.Static {
			return nil // its manifest says more
		}
		return keep(pod)
	})
	if err != nil {
		return nil, err
	}
	leftOut := func(what string, why error) { r.options.Say("%s is left out: %v", what, why) }
	return pods, nodepods.ReadManifests(r.cluster.place.ManifestDir, leftOut, keep)
}

// listedPods are those of the kubelet's own list.
func (r *run) listedPods(ctx context.Context) (pods []predict.Pod, err error) {
	var list json.RawMessage
	if err := r.cluster.ask().get(ctx, "/pods", &list); err != nil {
		return nil, err
	}
	_, err = predict.ReadPods(bytes.NewReader(list), func(pod predict.Pod) error {
		pods = append(pods, pod)
		return nil
	})
	return pods, err
}

// collect forecasts pods by the names that the rig has for their containers.
func (r *run) collect(upgrade predict.Upgrade, pods []predict.Pod, keep func(containerName, predict.Forecast)) {
	for _, pod := range pods {
		for _, f := range upgrade.Pod(pod) {
			keep(containerName{rigName(f.Pod), f.Container}, f)
		}
	}
}

// Difference says how a forecast differs from what happened, or nothing. What isn't
// known is a difference, but for the list alone.
func (f Forecasts) Difference(restarted bool) string {
	if said := differs(f.Asked, restarted); said != "" {
		return said
	}
	if f.Listed.Verdict == predict.Unknown {
		return ""
	}
	if said := differs(f.Listed, restarted); said != "" {
		return said + ", from the kubelet's list of pods"
	}
	return ""
}

func differs(f predict.Forecast, restarted bool) string {
	known := f.Verdict == predict.Kept || f.Verdict == predict.KeptBySteadylet || f.Verdict == predict.Restarts
	switch {
	case f.Verdict == "":
		return "was not forecast"
	case known && restarted == (f.Verdict == predict.Restarts):
		return ""
	}
	return fmt.Sprintf("was forecast as %s (%s)", f, f.Reason)
}
