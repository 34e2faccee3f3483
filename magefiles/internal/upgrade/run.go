package upgrade

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

const (
	// pollInterval is how often the rig looks at the containers.
	pollInterval = 500 * time.Millisecond
	// settle is how long the last kubelet is watched, at least: it looks at each
	// pod every two seconds.
	settle = 20 * time.Second
	// quiet is how long nothing may have changed before a run ends.
	quiet = 8 * time.Second
	// patience is how long expected restarts may take.
	patience = 2 * time.Minute
)

// Require reports what this host lacks for a run: what testnode.Require does, or a
// *testnode.MissingError for etcd.
func Require() error {
	if err := testnode.Require(); err != nil {
		return err
	}
	if _, err := exec.LookPath("etcd"); err != nil {
		return &testnode.MissingError{Program: "etcd", Package: "etcd-server"}
	}
	return nil
}

// run is one scenario on its cluster.
type run struct {
	options    Options
	scenario   Scenario
	cluster    *cluster
	containers []container
	forecasts  map[containerName]Forecasts // nil where there is none
}

// rows goes through the scenario.
func (r *run) rows(ctx context.Context) ([]Row, error) {
	path := r.scenario.kubelets(r.options)
	last := len(path) - 1
	if err := r.begin(ctx, path[0]); err != nil {
		return nil, fmt.Errorf("before the upgrade: %w", err)
	}
	for i, kubelet := range path[1:] {
		if err := r.cluster.stopKubelet(); err != nil {
			return nil, err
		}
		if i+1 == last && r.scenario.down != nil {
			if err := r.scenario.down(ctx, r); err != nil {
				return nil, fmt.Errorf("between the kubelets: %w", err)
			}
		}
		r.options.Say("kubelet %s starts", kubelet)
		if err := r.cluster.startKubelet(ctx, kubelet); err != nil {
			return nil, fmt.Errorf("after the upgrade: %w", err)
		}
		if err := r.watch(ctx, false); err != nil {
			return nil, fmt.Errorf("after the upgrade: %w", err)
		}
	}
	if r.scenario.synced != nil {
		if err := r.scenario.synced(ctx, r); err != nil {
			return nil, fmt.Errorf("under the new kubelet: %w", err)
		}
	}
	if err := r.watch(ctx, true); err != nil {
		return nil, fmt.Errorf("after the upgrade: %w", err)
	}
	return r.present(), nil
}

func (r *run) present() []Row {
	rows := r.cluster.history.rows(r.containers, r.scenario.expected(r.options))
	for i, container := range r.containers {
		if r.forecasts != nil {
			forecasts := r.forecasts[container.containerName]
			rows[i].Forecast = &forecasts
		}
	}
	return rows
}

// begin runs the first kubelet until every container runs, and notes them.
func (r *run) begin(ctx context.Context, kubelet Kubelet) error {
	r.options.Say("kubelet %s starts", kubelet)
	if err := r.cluster.startKubelet(ctx, kubelet); err != nil {
		return err
	}
	if err := r.awaitAll(ctx); err != nil {
		return err
	}
	if r.scenario.running != nil {
		if err := r.scenario.running(ctx, r); err != nil {
			return err
		}
	}
	// What is still on its way would be taken for what the upgrade did.
	if err := r.awaitQuiet(ctx); err != nil {
		return err
	}
	r.cluster.history.note()
	if !r.scenario.Foreseen {
		return nil
	}
	var err error
	if r.forecasts, err = r.forecast(ctx); err != nil {
		return fmt.Errorf("forecasting the upgrade: %w", err)
	}
	return nil
}

// look adds the present to the history.
func (r *run) look(ctx context.Context) (changed bool, err error) {
	seen, err := r.cluster.containers(ctx)
	if err != nil {
		return false, err
	}
	return r.cluster.history.add(seen), nil
}

func (r *run) awaitAll(ctx context.Context) error {
	err := r.cluster.kubelet.Wait(ctx, 3*time.Minute, "all containers to run", func() (bool, error) {
		_, err := r.look(ctx)
		return r.cluster.history.complete(r.containers), err
	})
	if err != nil {
		return fmt.Errorf("%w\nmissing: %v", err, r.cluster.history.missing(r.containers))
	}
	return nil
}

// awaitQuiet waits until no container has come for a while.
func (r *run) awaitQuiet(ctx context.Context) error {
	since := time.Now()
	return r.cluster.kubelet.Wait(ctx, patience, "the containers to be left alone", func() (bool, error) {
		changed, err := r.look(ctx)
		if changed {
			since = time.Now()
		}
		return time.Since(since) >= quiet, err
	})
}

// watch looks on while the kubelet works: for a while in any case, until it has synced
// its pods and nothing changes any more, and with final also until what has to happen
// has happened or is not going to.
func (r *run) watch(ctx context.Context, final bool) error {
	began := time.Now()
	changedAt := began
	return r.cluster.kubelet.Wait(ctx, 2*patience, "the containers to be left alone", func() (bool, error) {
		changed, err := r.look(ctx)
		if changed {
			changedAt = time.Now()
		}
		watched := time.Since(began)
		calm := time.Since(changedAt) >= quiet && (final || watched >= settle)
		if err != nil || !calm || !r.cluster.hasSynced(ctx) {
			return false, err
		}
		return !final || r.satisfied() || watched >= patience, nil
	})
}

// satisfied reports whether everything is as expected.
func (r *run) satisfied() bool {
	for _, row := range r.present() {
		if row.Deviation() != "" {
			return false
		}
	}
	return true
}
