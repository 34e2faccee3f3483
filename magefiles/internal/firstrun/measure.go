package firstrun

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
	"github.com/steadylet/steadylet/statefile"
)

// firstSync begins the line with which a kubelet from 1.21 on says that it hands the
// first pods to its workers (syncLoopIteration, pkg/kubelet/kubelet.go).
const firstSync = `"SyncLoop ADD" source="file"`

// Starts starts two kubelets in turns on one node where the static pod already runs,
// and returns how long each took from its start to its first sync.
func Starts(ctx context.Context, ours, theirs Options, rounds int) (mine, others []time.Duration, err error) {
	n, err := testnode.StartNode(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, n.Stop(ctx)) }()
	// The first start of each makes what the others find.
	for round := range rounds + 1 {
		for _, side := range []struct {
			options Options
			times   *[]time.Duration
		}{{ours, &mine}, {theirs, &others}} {
			took, err := startOnce(ctx, n, side.options)
			if err != nil {
				return nil, nil, err
			}
			if round > 0 {
				*side.times = append(*side.times, took)
			}
		}
	}
	return mine, others, nil
}

// startOnce starts a kubelet, waits for the container and ends it. The static pod has a
// made-up UID, so that a patched kubelet asks the container runtime what it runs under.
func startOnce(ctx context.Context, n *testnode.Node, options Options) (took time.Duration, err error) {
	began := time.Now()
	kubelet, _, err := startKubelet(n, options, "", testnode.AppImage)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, kubelet.End(ctx)) }()
	if _, err := awaitContainer(ctx, n, kubelet); err != nil {
		return 0, err
	}
	var at time.Time
	err = kubelet.Wait(ctx, time.Minute, "the first sync", func() (bool, error) {
		at, err = loggedAt(kubelet.Log(), firstSync, began)
		return !at.IsZero(), err
	})
	return at.Sub(began), err
}

// loggedAt returns when the first line with that text was logged, by its own header
// ("I1124 13:04:03.516722"), or no time. began has the year.
func loggedAt(path, text string, began time.Time) (time.Time, error) {
	file, err := os.Open(path)
	if err != nil {
		return time.Time{}, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || len(fields[0]) != 5 || !strings.Contains(lines.Text(), text) {
			continue
		}
		stamp := fmt.Sprint(began.Year()) + fields[0][1:] + " " + fields[1]
		return time.ParseInLocation("20060102 15:04:05.999999", stamp, time.Local)
	}
	return time.Time{}, lines.Err()
}

// settled is how long after an upgrade a kubelet may still write down what it learned.
const settled = 90 * time.Second

// Soak upgrades a kubelet in place, lets the new one run for the given time after it
// has settled, and returns how often it wrote its state file in that time.
func Soak(ctx context.Context, from, to Options, long time.Duration) (writes int, err error) {
	n, err := testnode.StartNode(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, n.Stop(ctx)) }()
	if _, err := runOnce(ctx, n, from, testnode.AppImage, atOnce); err != nil {
		return 0, fmt.Errorf("before the upgrade: %w", err)
	}
	kubelet, place, err := startKubelet(n, to, fixedUID, testnode.AppImage)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, kubelet.End(ctx)) }()
	return countWrites(ctx, kubelet, statefile.Path(place.RootDir), long)
}

// countWrites counts how often a file is replaced while the kubelet runs. (Each save
// is a rename, so another file than before is there.)
func countWrites(ctx context.Context, kubelet *testnode.Process, path string, long time.Duration) (writes int, err error) {
	var before syscall.Stat_t
	began := time.Now()
	for time.Since(began) < settled+long {
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-kubelet.Done():
			return 0, kubelet.Exited()
		case <-time.After(200 * time.Millisecond):
		}
		if time.Since(began) < settled {
			continue
		}
		var now syscall.Stat_t
		if err := syscall.Lstat(path, &now); err != nil {
			return 0, fmt.Errorf("looking at the state file: %w", err)
		}
		if before.Ino != 0 && (now.Ino != before.Ino || now.Mtim != before.Mtim) {
			writes++
		}
		before = now
	}
	return writes, nil
}
