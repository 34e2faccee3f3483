package upgrade

import (
	"context"
	"errors"
	"fmt"
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

// notRecorded wants no state.
func notRecorded(_ context.Context, r *run) error {
	if _, err := statefile.Load(r.stateFile()); !errors.Is(err, statefile.ErrMissing) {
		return fmt.Errorf("the kubelet was not to write its state, and there is one (%v)", err)
	}
	return nil
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
