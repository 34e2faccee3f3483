package upgrade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/steadylet/steadylet/internal/predict"
	"github.com/steadylet/steadylet/statefile"
)

// verdicts are what the log of a patched kubelet says that it kept.
type verdicts struct {
	// steps has the steps by which a container was kept, by its ID, the first first.
	steps map[string][]int
	// uids has the static pods whose UID was kept, by the name that their manifest has.
	uids map[string]bool
}

// The lines are those of tell and KeepUID in the series' package steadylet.
var (
	keptLine = regexp.MustCompile(`Steadylet kept a container whose hash moved.* containerID="?([0-9a-f]+)"? step=(\d+)`)
	uidLine  = regexp.MustCompile(`Steadylet kept the UID of a static pod.* pod="[^"/]*/([^"]+)"`)
)

// verdictsIn reads them from a log.
func verdictsIn(log string) verdicts {
	v := verdicts{map[string][]int{}, map[string]bool{}}
	for line := range strings.Lines(log) {
		if found := keptLine.FindStringSubmatch(line); found != nil {
			step, _ := strconv.Atoi(found[2])
			v.steps[found[1]] = append(v.steps[found[1]], step)
		}
		if found := uidLine.FindStringSubmatch(line); found != nil {
			v.uids[rigName(found[1])] = true
		}
	}
	return v
}

// count says how many times a container was kept.
func (v verdicts) count() int {
	count := 0
	for _, steps := range v.steps {
		count += len(steps)
	}
	return count
}

// readVerdicts keeps what a patched kubelet has said by the end of a stage.
func (r *run) readVerdicts(kubelet int) error {
	if !r.scenario.kubelets(r.options)[kubelet].Patched {
		return nil
	}
	log, err := os.ReadFile(r.cluster.kubelet.Log())
	if err == nil {
		r.verdicts[kubelet] = verdictsIn(string(log))
	}
	return err
}

// drops reports whether a kubelet of the path drops fields that one before it may have
// hashed: only there may a container be kept without proof.
func drops(path []Kubelet, kubelet int) bool {
	return slices.ContainsFunc(path[:kubelet], func(before Kubelet) bool {
		return before.Version.Minor < hashBoundary && before.Version.Minor > path[kubelet].Version.Minor
	})
}

// judged is what is known of a container when the verdicts of a kubelet on it are judged.
type judged struct {
	name containerName
	// said are the steps by which the kubelet kept it.
	said []int
	// forecast is that of the first kubelet's time, or nil where there is none. It does not
	// tell of what was touched before the kubelet ran.
	forecast *predict.Forecast
	touched  bool
	// exact says that the step is as forecast: nothing was put on record in between.
	exact bool
	// drops is that of the kubelet.
	drops bool
}

// check says what is wrong with the verdicts, or nil.
func (j judged) check() error {
	unproven, may := slices.Contains(j.said, statefile.StepUnproven), j.drops
	if j.forecast != nil && !j.touched {
		may = j.forecast.Step == statefile.StepUnproven
	}
	switch f := j.forecast; {
	case unproven && !may:
		return fmt.Errorf("container %s was kept without proof (step %d), and there is one", j.name, statefile.StepUnproven)
	case f == nil || j.touched:
		return nil
	case f.Verdict == predict.KeptBySteadylet && f.Step > 0 && len(j.said) == 0:
		return fmt.Errorf("container %s was forecast as %s, and the kubelet's log has no verdict on it: was it looked at?", j.name, *f)
	case f.Verdict == predict.KeptBySteadylet && f.Step > 0 && j.exact && !slices.Equal(j.said, []int{f.Step}):
		return fmt.Errorf("container %s was forecast as %s, and the kubelet's log says steps %v", j.name, *f, j.said)
	case f.Verdict == predict.Kept && len(j.said) > 0:
		return fmt.Errorf("container %s was forecast as kept by any kubelet, and the kubelet's log says steps %v", j.name, j.said)
	}
	return nil
}

// touchedBefore reports whether somebody does something to a container before the last
// kubelet has run a while.
func (s Scenario) touchedBefore(name containerName, kubelets int) bool {
	for _, event := range s.events {
		if event.running && (event.kubelet < 0 || event.kubelet == kubelets-1) {
			continue
		}
		for _, effect := range event.effects {
			if effect.container == name {
				return true
			}
		}
	}
	return false
}

// proveVerdicts wants patched kubelets to have kept what they kept by the steps by which
// it can be kept, and to have said so in the log, the metric and the events alike: a
// container that nobody looked at stays too.
func (r *run) proveVerdicts(ctx context.Context) error {
	path := r.scenario.kubelets(r.options)
	var failures []error
	for kubelet, said := range r.verdicts {
		last := kubelet == len(path)-1
		for _, c := range r.containers {
			failures = append(failures, r.judged(c, kubelet, last, said).check())
		}
		if last {
			failures = append(failures, r.checkUIDs(path, said), r.checkMetric(ctx, said))
		}
	}
	if len(r.verdicts) > 0 {
		failures = append(failures, r.checkEvents(ctx))
	}
	return errors.Join(failures...)
}

// judged gathers what is known of a container under a kubelet.
func (r *run) judged(c container, kubelet int, last bool, said verdicts) judged {
	path := r.scenario.kubelets(r.options)
	j := judged{name: c.containerName, drops: drops(path, kubelet), exact: len(path) == 2 && r.cluster.started == 2,
		touched: r.scenario.touchedBefore(c.containerName, len(path))}
	for _, id := range r.cluster.history.ids[c.containerName] {
		j.said = append(j.said, said.steps[id]...)
	}
	if forecasts, ok := r.forecasts[c.containerName]; ok && last {
		j.forecast = &forecasts.Asked
	}
	return j
}

// checkUIDs wants the last kubelet to have kept the UIDs that a stock one would have
// moved, of static pods that nobody touched.
func (r *run) checkUIDs(path []Kubelet, said verdicts) error {
	var failures []error
	for _, c := range r.containers {
		if r.forecasts == nil || r.scenario.asStock || !c.madeUpUID || r.scenario.touchedBefore(c.containerName, len(path)) {
			continue
		}
		if uidMoves(path[0].Version, path[len(path)-1].Version) != "" && !said.uids[c.Pod] {
			failures = append(failures, fmt.Errorf("a stock kubelet makes up another UID for pod %s, and the last one does not say that it kept the old one", c.Pod))
		}
	}
	return errors.Join(failures...)
}

// checkMetric wants the last kubelet's metric to count what its log says.
func (r *run) checkMetric(ctx context.Context, said verdicts) error {
	metrics, err := r.cluster.ask().text(ctx, "/metrics")
	if err != nil {
		return err
	}
	if counts := countKept(metrics, "") - countKept(metrics, "static-pod"); counts != said.count() {
		return fmt.Errorf("the kubelet's log says %d times that a container was kept, and the metric %s counts %d", said.count(), decisionsMetric, counts)
	}
	return nil
}

// checkEvents wants an event on each pod with a container that was kept without proof,
// and on no other.
func (r *run) checkEvents(ctx context.Context) error {
	found, err := r.suppressed(ctx)
	if err != nil {
		return err
	}
	var failures []error
	for _, c := range r.containers {
		unproven := false
		for _, said := range r.verdicts {
			for _, id := range r.cluster.history.ids[c.containerName] {
				unproven = unproven || slices.Contains(said.steps[id], statefile.StepUnproven)
			}
		}
		if !unproven {
			continue
		}
		if !found[c.Pod] {
			failures = append(failures, fmt.Errorf("container %s was kept without proof, and its pod has no event %s", c, suppressedEvent))
		}
		found[c.Pod] = false
	}
	for pod, unexplained := range found {
		if unexplained {
			failures = append(failures, fmt.Errorf("pod %s has an event %s, and none of its containers was kept without proof", pod, suppressedEvent))
		}
	}
	return errors.Join(failures...)
}

// suppressedEvent is the reason of an event of patched kubelets.
const suppressedEvent = "RestartSuppressed"

// suppressed returns the names of the pods that have such an event.
func (r *run) suppressed(ctx context.Context) (map[string]bool, error) {
	var events struct {
		Items []struct {
			Reason         string
			InvolvedObject struct{ Name string }
		}
	}
	if err := r.cluster.plane.api.get(ctx, "/api/v1/namespaces/"+r.cluster.node.Name()+"/events", &events); err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for _, event := range events.Items {
		if event.Reason == suppressedEvent {
			found[rigName(event.InvolvedObject.Name)] = true
		}
	}
	return found, nil
}
