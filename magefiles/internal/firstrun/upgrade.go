package firstrun

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// fixedUID keeps a static pod the same pod for every version. (The UID that a
// kubelet makes up changes with almost every minor version, which recreates the
// pod whatever the hash of its container says.)
const fixedUID = "5f7e1ad5-0000-4000-8000-000000000001"

// How long the second kubelet is watched after it has started, where the container is to
// stay, and how long at most where it is to be replaced. It syncs a pod every two seconds.
const (
	settle  = 20 * time.Second
	replace = 2 * time.Minute
)

// Upgrade is what an in-place upgrade did to the container of a static pod with a
// fixed UID.
type Upgrade struct {
	// Before and After are the container's IDs.
	Before, After string
}

// Replaced reports whether the container was restarted.
func (u Upgrade) Replaced() bool { return u.Before != u.After }

// RunUpgrade runs one kubelet, stops it, and runs another one in its place: the
// same root directory, the same containers. edited changes the container's image
// in between, to another tag of the same content. expected says that the container is
// to be replaced: a slow machine gets more time for it.
func RunUpgrade(ctx context.Context, from, to Options, edited, expected bool) (upgrade Upgrade, err error) {
	n, err := testnode.StartNode(ctx)
	if err != nil {
		return Upgrade{}, err
	}
	defer func() { err = errors.Join(err, n.Stop(ctx)) }()
	if upgrade.Before, err = runOnce(ctx, n, from, testnode.AppImage, atOnce); err != nil {
		return Upgrade{}, fmt.Errorf("before the upgrade: %w", err)
	}
	image := testnode.AppImage
	if edited {
		image = testnode.EditedImage
	}
	began := time.Now()
	watched := func() bool {
		if !expected {
			return time.Since(began) > settle
		}
		now, err := n.Runtime.Running(ctx, containerName)
		return err == nil && now != "" && now != upgrade.Before || time.Since(began) > replace
	}
	if upgrade.After, err = runOnce(ctx, n, to, image, watched); err != nil {
		return Upgrade{}, fmt.Errorf("after the upgrade: %w", err)
	}
	return upgrade, nil
}

// atOnce is for a kubelet that need not be watched any longer than its container takes.
func atOnce() bool { return true }

// runOnce runs a kubelet until it was watched enough and the container runs, and
// returns the container's ID. The kubelet must be alive to the end: a dead one
// replaces nothing.
func runOnce(ctx context.Context, n *testnode.Node, options Options, image string, watched func() bool) (id string, err error) {
	kubelet, _, err := startKubelet(n, options, fixedUID, image)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, kubelet.End(ctx)) }()
	for kubelet.Alive() && !watched() {
		select {
		case <-time.After(500 * time.Millisecond):
		case <-kubelet.Done():
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	return awaitContainer(ctx, n, kubelet)
}
