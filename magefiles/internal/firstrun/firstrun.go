// Package firstrun starts a kubelet for the first time, for real: standalone, on
// a containerd of its own, with a static pod. It then reads the state file that a
// patched kubelet writes, and what a debugger sees in the live kubelet.
//
// What it needs of the host, and how it leaves it, is what package testnode says.
package firstrun

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/steadylet/steadylet/internal/kubeletbin"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/testnode"
	"github.com/steadylet/steadylet/statefile"
)

// Options say which kubelet runs.
type Options struct {
	// Kubelet is the path of the binary, Version the release it was made from.
	Kubelet string
	Version kubever.Version
	// Debugger is the path of Delve; without one nothing is read.
	Debugger string
}

// Report is what was seen.
type Report struct {
	// Version is what the kubelet says of itself.
	Version string
	// ContainerID is the static pod's container, RunningAfter how long it took
	// from the kubelet's start.
	ContainerID  string
	RunningAfter time.Duration
	// Started is when the kubelet was started.
	Started time.Time
	// State is the state file; nil when the kubelet wrote none.
	State *statefile.State
	// Reading is what the debugger read.
	Reading Reading
	// ContainerIDAfter is the container that ran after the debugger had left.
	ContainerIDAfter string
}

// Run starts the kubelet, waits for its static pod, looks, and cleans up. It
// first cleans up after runs that were killed. Where another run is under way on
// this host it waits for that to end. On a host that lacks something it returns
// what testnode.Require does, and on one that is a node already a
// *testnode.NodeError.
func Run(ctx context.Context, options Options) (report *Report, err error) {
	version, err := kubeletbin.Version(ctx, options.Kubelet)
	if err != nil {
		return nil, err
	}
	n, err := testnode.StartNode(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.Stop(ctx)) }()
	report = &Report{Version: version}
	return report, report.observe(ctx, options, n)
}

// observe runs the kubelet and fills in the report.
func (r *Report) observe(ctx context.Context, options Options, n *testnode.Node) (err error) {
	r.Started = time.Now()
	kubelet, place, err := startKubelet(n, options, "", testnode.AppImage)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kubelet.End(ctx)) }()
	if r.ContainerID, err = awaitContainer(ctx, n, kubelet); err != nil {
		return err
	}
	r.RunningAfter = time.Since(r.Started)
	state, err := statefile.Load(statefile.Path(place.RootDir))
	if err == nil {
		r.State = &state
	} else if !errors.Is(err, statefile.ErrMissing) {
		return err
	}
	if r.Reading, err = readContainer(ctx, n.Start, options.Debugger, kubelet.PID(), stopWithin); err != nil {
		return err
	}
	if err := kubelet.Exited(); err != nil {
		return err
	}
	r.ContainerIDAfter, err = n.Runtime.Running(ctx, containerName)
	return err
}

// Check reports everything that the first run of a patched debug kubelet must
// show and this one did not.
func (r *Report) Check(version string) error {
	var failures []error
	fail := func(format string, args ...any) { failures = append(failures, fmt.Errorf(format, args...)) }
	if r.Version != version {
		fail("the kubelet says it is %s, want %s", r.Version, version)
	}
	switch {
	case r.State == nil:
		fail("the kubelet wrote no state file")
	case r.State.Kubelet.Version != version:
		fail("the state file is of version %s, want %s", r.State.Kubelet.Version, version)
	case r.State.Kubelet.StartTime.Before(r.Started.Add(-time.Second)) || r.State.Kubelet.StartTime.After(time.Now()):
		fail("the state file says that the kubelet started at %s, it did at %s", r.State.Kubelet.StartTime, r.Started)
	}
	switch {
	case !r.Reading.Readable:
		fail("the debugger can't read the argument of containerChanged: %s", r.Reading.Detail)
	case r.Reading.Name != containerName || r.Reading.Image != testnode.AppImage:
		fail("the debugger read container %q with image %q, want %q and %q", r.Reading.Name, r.Reading.Image, containerName, testnode.AppImage)
	}
	if r.ContainerID == "" || r.ContainerIDAfter != r.ContainerID {
		fail("container %s was replaced by %q", r.ContainerID, r.ContainerIDAfter)
	}
	return errors.Join(failures...)
}
