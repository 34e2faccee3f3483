package upgrade

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/steadylet/steadylet/statefile"
)

// prove makes sure that the last kubelet met the state that the scenario is about: a
// scenario in which nothing was damaged would pass too.
func (r *run) prove(ctx context.Context) error {
	path := r.scenario.kubelets(r.options)
	last := path[len(path)-1]
	switch {
	case !last.Patched:
		return nil
	case r.scenario.proof != nil:
		return r.scenario.proof(ctx, r)
	}
	return recorded(ctx, r)
}

// recorded wants a state that says that the last kubelet runs, and since when.
func recorded(_ context.Context, r *run) error {
	path := r.scenario.kubelets(r.options)
	want := path[len(path)-1].Version.String()
	state, err := statefile.Load(r.stateFile())
	if err != nil {
		return fmt.Errorf("the last kubelet left no state: %w", err)
	}
	if release, _, _ := strings.Cut(state.Kubelet.Version, "+"); release != want {
		return fmt.Errorf("the state is of kubelet %s, and %s ran last", state.Kubelet.Version, want)
	}
	if state.Kubelet.StartTime.After(time.Now()) {
		return fmt.Errorf("the state says that the kubelet first started at %s, which is yet to come", state.Kubelet.StartTime)
	}
	return nil
}

// counted wants the kubelet's metric to count what it kept where a stock one would have
// restarted something.
func counted(ctx context.Context, r *run) error {
	path := r.scenario.kubelets(r.options)
	saved := 0
	for _, container := range r.containers {
		if stockRestarts(container, path[0].Version, path[len(path)-1].Version) != "" {
			saved++
		}
	}
	metrics, err := r.cluster.ask().text(ctx, "/metrics")
	if err != nil {
		return err
	}
	if kept := countKept(metrics, ""); saved > 0 && kept == 0 {
		return fmt.Errorf("a stock kubelet would have restarted %d containers, and the metric %s counts none that was kept", saved, decisionsMetric)
	}
	return nil
}

// announced wants the metric and an event to tell of containers that were kept without
// proof, where the last kubelet can have none.
func announced(ctx context.Context, r *run) error {
	path := r.scenario.kubelets(r.options)
	first, last := path[0].Version, path[len(path)-1].Version
	if first.Minor >= hashBoundary || last.Minor >= first.Minor {
		return nil
	}
	metrics, err := r.cluster.ask().text(ctx, "/metrics")
	if err != nil {
		return err
	}
	if countKept(metrics, "4") == 0 {
		return fmt.Errorf("the metric %s counts no container that was kept by step 4", decisionsMetric)
	}
	pods, err := r.suppressed(ctx)
	if err == nil && !pods[recentApp.Pod] {
		err = fmt.Errorf("no event says that a restart of pod %s was suppressed", recentApp.Pod)
	}
	return err
}

// decisionsMetric is a patched kubelet's own.
const decisionsMetric = "kubelet_steadylet_decisions_total"

// countKept adds up what the metric counts as kept by a step, or by any.
func countKept(metrics, step string) int {
	labels := []string{`verdict="kept"`}
	if step != "" {
		labels = append(labels, `step="`+step+`"`)
	}
	return sumMetric(metrics, decisionsMetric+"{", labels...)
}

// notRecorded wants no state.
func notRecorded(_ context.Context, r *run) error {
	if _, err := statefile.Load(r.stateFile()); !errors.Is(err, statefile.ErrMissing) {
		return fmt.Errorf("the kubelet was not to write its state, and there is one (%v)", err)
	}
	return nil
}

// saysDisabled wants the last kubelet's log to say that it behaves as stock, and why.
func saysDisabled(why string) change {
	return func(_ context.Context, r *run) error {
		log, err := os.ReadFile(r.cluster.kubelet.Log())
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(log)) {
			if strings.Contains(line, "Steadylet is switched off") && strings.Contains(line, why) {
				return nil
			}
		}
		return fmt.Errorf("the log of the last kubelet does not say that it is switched off by %s", why)
	}
}

// stillReadOnly wants the state folder to be read-only yet, and as it was when it became so.
func stillReadOnly(_ context.Context, r *run) error {
	folder := filepath.Dir(r.stateFile())
	if err := refusesWrites(folder); err != nil {
		return err
	}
	now, err := digests(folder)
	if err == nil && !maps.Equal(now, r.frozen) {
		err = fmt.Errorf("the files in the read-only folder %s were %v and are %v", folder, r.frozen, now)
	}
	return err
}

// setAside wants the damaged state to be kept under another name.
func setAside(_ context.Context, r *run) error {
	entries, err := os.ReadDir(filepath.Dir(r.stateFile()))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "state.json.corrupt-") {
			return nil
		}
	}
	return errors.New("the last kubelet did not set the damaged state aside")
}
