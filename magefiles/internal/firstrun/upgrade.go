package firstrun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	dir, err := os.MkdirTemp("", "steadylet-run-")
	if err != nil {
		return Upgrade{}, fmt.Errorf("preparing the upgrade: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cgroups := ownCgroups()
	runtime, err := startContainerd(ctx, filepath.Join(dir, "containerd"))
	if err != nil {
		return Upgrade{}, err
	}
	defer func() { err = errors.Join(err, runtime.stop(), cgroups.remove()) }()
	if upgrade.Before, err = runOnce(ctx, from, dir, runtime, appImage, 0); err != nil {
		return Upgrade{}, fmt.Errorf("before the upgrade: %w", err)
	}
	image := appImage
	if edited {
		image = editedImage
	}
	if upgrade.After, err = runOnce(ctx, to, dir, runtime, image, settle); err != nil {
		return Upgrade{}, fmt.Errorf("after the upgrade: %w", err)
	}
	return upgrade, nil
}

// runOnce runs a kubelet until the container runs and the time has passed, and
// returns the container's ID.
func runOnce(ctx context.Context, options Options, dir string, runtime *containerd, image string, watch time.Duration) (id string, err error) {
	place, err := placeKubelet(dir, runtime, options.Version, staticPod(fixedUID, image))
	if err != nil {
		return "", err
	}
	kubelet, err := startProcess("kubelet", options.Kubelet, dir, place.flags(options.Version)...)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, kubelet.stop(), unmountBelow(place.RootDir)) }()
	select {
	case <-time.After(watch):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return awaitContainer(ctx, kubelet, runtime)
}
