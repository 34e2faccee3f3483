package upgrade

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// syncVerbosity is that of a kubelet's log from which on it says when it begins to sync a
// pod and when it has done so (pkg/kubelet/kubelet.go, SyncPod, from 1.22 on).
const syncVerbosity = 4

// firstSync says how far a kubelet has come with its first sync of its pods.
type firstSync int

const (
	beforeSync firstSync = iota
	withinSync
	afterSync
)

// progressOf reads from a kubelet's log how far it has come, of that many pods.
func progressOf(log string, pods int) firstSync {
	entered, left := podsIn(log, "syncpod enter"), podsIn(log, "syncpod exit")
	switch {
	case len(entered) == 0:
		return beforeSync
	case len(left) < pods:
		return withinSync
	}
	return afterSync
}

var podUID = regexp.MustCompile(`podUID="?([^" ]+)`)

// podsIn returns the UIDs of the pods in the lines with that message.
func podsIn(log, message string) map[string]bool {
	found := map[string]bool{}
	for line := range strings.Lines(log) {
		if !strings.HasSuffix(line, "\n") || !strings.Contains(strings.ToLower(line), message) {
			continue // or it may be cut off
		}
		if uid := podUID.FindStringSubmatch(line); uid != nil {
			found[uid[1]] = true
		}
	}
	return found
}

// kill is one kill of a kubelet: so long after it has come so far.
type kill struct {
	since firstSync // beforeSync is its spawn
	later time.Duration
}

const (
	// killsWithin is how many kills have to land within a first sync, mostKills how many
	// may be tried: one that was to land there may come too late.
	killsWithin = 10
	mostKills   = 40
)

// nextKill returns the kill to try after those that landed, and none when enough did: from
// the spawn of a kubelet to beyond its first sync.
func nextKill(landed []firstSync) (next kill, more bool) {
	sides := []kill{
		{beforeSync, 0}, {beforeSync, 50 * time.Millisecond}, {beforeSync, 200 * time.Millisecond},
		{afterSync, 0}, {afterSync, 200 * time.Millisecond}, {afterSync, time.Second},
	}
	if len(landed) < len(sides) {
		return sides[len(landed)], true
	}
	if count(landed)[withinSync] >= killsWithin || len(landed) >= mostKills {
		return kill{}, false
	}
	later := []time.Duration{0, 5, 10, 20, 30, 50, 70, 100}
	return kill{withinSync, later[len(landed)%len(later)] * time.Millisecond}, true
}

func count(landed []firstSync) map[firstSync]int {
	counts := map[firstSync]int{}
	for _, when := range landed {
		counts[when]++
	}
	return counts
}

// killFirstSyncs starts the last kubelet and kills it, at all the moments.
func killFirstSyncs(ctx context.Context, r *run) error {
	path := r.scenario.kubelets(r.options)
	var landed []firstSync
	for {
		kill, more := nextKill(landed)
		if !more {
			break
		}
		when, err := r.startAndKill(ctx, path[len(path)-1], kill)
		if err != nil {
			return err
		}
		landed = append(landed, when)
		if _, err := r.look(ctx); err != nil {
			return err
		}
	}
	report, err := judgeKills(landed)
	r.note("%s", report)
	return err
}

// judgeKills says where the kills landed. It is an error when too few did within the first
// sync, or none before or after it.
func judgeKills(landed []firstSync) (report string, err error) {
	counts := count(landed)
	report = fmt.Sprintf("killed %d times: %d before, %d within and %d after the first sync",
		len(landed), counts[beforeSync], counts[withinSync], counts[afterSync])
	if counts[withinSync] < killsWithin || len(counts) < 3 {
		return report, fmt.Errorf("%s: there have to be %d within it, and some before and after it", report, killsWithin)
	}
	return report, nil
}

// startAndKill starts a kubelet, kills it, and says from its log when that was.
func (r *run) startAndKill(ctx context.Context, kubelet Kubelet, kill kill) (firstSync, error) {
	if err := r.cluster.spawn(kubelet, syncVerbosity); err != nil {
		return 0, err
	}
	process := r.cluster.kubelet
	if err := awaitSync(ctx, process, kill.since, len(r.cluster.pods)); err != nil {
		return 0, err
	}
	select {
	case <-time.After(kill.later):
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	if err := process.Exited(); err != nil {
		return 0, err // not by us
	}
	if err := process.Kill(); err != nil {
		return 0, err
	}
	r.cluster.kubelet = nil
	log, err := os.ReadFile(process.Log())
	return progressOf(string(log), len(r.cluster.pods)), err
}

// awaitSync waits until a kubelet has come so far. (Process.Wait looks too seldom.)
func awaitSync(ctx context.Context, process *testnode.Process, far firstSync, pods int) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		log, err := os.ReadFile(process.Log())
		if err != nil {
			return err
		}
		if progressOf(string(log), pods) >= far {
			return nil
		}
		select {
		case <-process.Done():
			return process.Exited()
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return fmt.Errorf("waited %s for the kubelet to sync %d pods; its log ends with:\n%s", patience, pods, process.LogEnd())
}
