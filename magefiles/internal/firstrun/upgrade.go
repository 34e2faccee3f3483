package firstrun

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// fixedUID keeps a static pod the same pod for every version. (The UID that a
// kubelet makes up changes with almost every minor version, which recreates the
// pod whatever the hash of its container says.)
const fixedUID = "5f7e1ad5-0000-4000-8000-000000000001"

// settle is how long the second kubelet is watched after it has started. It syncs
// a pod every two seconds.
const settle = 20 * time.Second

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
// in between, to another tag of the same content.
func RunUpgrade(ctx context.Context, from, to Options, edited bool) (upgrade Upgrade, err error) {
	n, err := startNode(ctx)
	if err != nil {
		return Upgrade{}, err
	}
	defer func() { err = errors.Join(err, n.stop()) }()
	if upgrade.Before, err = n.runOnce(ctx, from, appImage, 0); err != nil {
		return Upgrade{}, fmt.Errorf("before the upgrade: %w", err)
	}
	image := appImage
	if edited {
		image = editedImage
	}
	if upgrade.After, err = n.runOnce(ctx, to, image, settle); err != nil {
		return Upgrade{}, fmt.Errorf("after the upgrade: %w", err)
	}
	return upgrade, nil
}

// runOnce runs a kubelet until the container runs and the time has passed, and
// returns the container's ID. The kubelet must be alive to the end: a dead one
// replaces nothing.
func (n *node) runOnce(ctx context.Context, options Options, image string, watch time.Duration) (id string, err error) {
	place, err := n.placeKubelet(options.Version, staticPod(n.name(), fixedUID, image))
	if err != nil {
		return "", err
	}
	kubelet, err := n.start("kubelet", options.Kubelet, place.flags(options.Version)...)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, kubelet.stop()) }()
	select {
	case <-time.After(watch):
	case <-kubelet.done:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	return n.awaitContainer(ctx, kubelet)
}
