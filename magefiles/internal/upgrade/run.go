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
	// settle is how long a stage is watched, at least: a kubelet looks at each pod every
	// two seconds.
	settle = 20 * time.Second
	// quiet is how long nothing may have changed before a stage ends.
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
	stages     []stage
	forecasts  map[containerName]Forecasts // nil where there is none
	// edited has the images that were asked for in edits.
	edited map[containerName]string
	// asked has the fields that were, the image too.
	asked map[containerName]object
	// waitsFor says what the kubelet has not done yet.
	waitsFor string
	// mirrors are those of static pods before anything happened.
	mirrors map[string]mirror
	// frozen is what the state folder had in it when it was made read-only, by path.
	frozen map[string]string
	// verdicts has what patched kubelets said, by their place in the path.
	verdicts map[int]verdicts
	notes    []string
}

func newRun(options Options, scenario Scenario, cluster *cluster) *run {
	r := &run{
		options: options, scenario: scenario, cluster: cluster, containers: containersOf(cluster.pods),
		edited: map[containerName]string{}, asked: map[containerName]object{}, verdicts: map[int]verdicts{},
	}
	r.stages = scenario.plan(options, scenario.everyContainer(options))
	return r
}

// rows goes through the scenario.
func (r *run) rows(ctx context.Context) ([]Row, error) {
	path := r.scenario.kubelets(r.options)
	if err := r.begin(ctx, path[0]); err != nil {
		return nil, fmt.Errorf("before the upgrade: %w", err)
	}
	for _, stage := range r.stages {
		if err := r.enter(ctx, stage, path[stage.kubelet]); err != nil {
			return nil, fmt.Errorf("%s: %w", stage.title, err)
		}
		if err := r.watch(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", stage.title, err)
		}
		if err := r.readVerdicts(stage.kubelet); err != nil {
			return nil, fmt.Errorf("%s: %w", stage.title, err)
		}
	}
	return r.present(), nil
}

// begin runs the first kubelet until every container runs.
func (r *run) begin(ctx context.Context, kubelet Kubelet) error {
	r.options.Say("kubelet %s starts", kubelet)
	if err := r.cluster.startKubelet(ctx, kubelet); err != nil {
		return err
	}
	if err := r.awaitAll(ctx); err != nil {
		return err
	}
	// What is still on its way would be taken for what the upgrade did.
	if err := r.awaitQuiet(ctx); err != nil {
		return err
	}
	if err := r.awaitMirrors(ctx); err != nil {
		return err
	}
	if !r.scenario.foreseen(r.options) {
		return nil
	}
	var err error
	if r.forecasts, err = r.forecast(ctx); err != nil {
		return fmt.Errorf("forecasting the upgrade: %w", err)
	}
	return nil
}

// enter makes happen what a stage is about.
func (r *run) enter(ctx context.Context, stage stage, kubelet Kubelet) error {
	if !stage.running {
		if err := r.cluster.stopKubelet(ctx); err != nil {
			return err
		}
	}
	if _, err := r.look(ctx); err != nil { // what came late belongs to the stage before
		return err
	}
	r.cluster.history.mark()
	for _, event := range stage.events {
		if err := event.change(ctx, r); err != nil {
			return err
		}
	}
	if stage.running {
		return r.cluster.markLog() // what it did before says nothing of what happens now
	}
	r.options.Say("kubelet %s starts", kubelet)
	return r.cluster.startKubelet(ctx, kubelet)
}

func (r *run) present() []Row {
	var rows []Row
	for _, container := range r.containers {
		row := r.cluster.history.row(container, r.stages)
		row.Forecast = r.forecastOf(container.containerName)
		rows = append(rows, row)
	}
	return rows
}

// note keeps a line for the report.
func (r *run) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
	r.options.Say(format, args...)
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

// watch looks on while the kubelet works: for a while in any case, until it has looked at
// each of its pods and read every edit, nothing changes any more, and what has to happen has happened or is not going
// to.
func (r *run) watch(ctx context.Context) error {
	began := time.Now()
	changedAt := began
	err := r.cluster.kubelet.Wait(ctx, 2*patience, "the containers to be left alone", func() (bool, error) {
		changed, err := r.look(ctx)
		if changed {
			changedAt = time.Now()
		}
		watched := time.Since(began)
		calm := time.Since(changedAt) >= quiet && watched >= settle
		if err != nil || !calm {
			return false, err
		}
		if looked, err := r.hasLooked(ctx); err != nil || !looked {
			return false, err
		}
		return r.satisfied() || watched >= patience, nil
	})
	if err != nil && r.waitsFor != "" {
		return fmt.Errorf("%w\nlast seen: %s", err, r.waitsFor)
	}
	return err
}

// satisfied reports whether everything is as expected so far.
func (r *run) satisfied() bool {
	for _, row := range r.present() {
		if row.Deviation() != "" {
			return false
		}
	}
	return true
}
