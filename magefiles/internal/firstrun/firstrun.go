// Package firstrun starts a kubelet for the first time, for real: standalone, on
// a containerd of its own, with a static pod. It then reads the state file that a
// patched kubelet writes, and what a debugger sees in the live kubelet.
//
// It needs root, and Debian's packages containerd, runc and busybox-static.
// Everything lies in one folder and is gone afterwards.
package firstrun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/command"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
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

// Run starts the kubelet, waits for its static pod, looks, and cleans up.
func Run(ctx context.Context, options Options) (report *Report, err error) {
	version, err := kubeletVersion(ctx, options.Kubelet)
	if err != nil {
		return nil, err
	}
	// Short, since a socket's path has a limit of 107 bytes.
	dir, err := os.MkdirTemp("", "steadylet-run-")
	if err != nil {
		return nil, fmt.Errorf("preparing the run: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cgroups := ownCgroups()
	runtime, err := startContainerd(ctx, filepath.Join(dir, "containerd"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, runtime.stop(), cgroups.remove()) }()
	report = &Report{Version: version}
	return report, report.observe(ctx, options, dir, runtime)
}

func kubeletVersion(ctx context.Context, path string) (string, error) {
	out, err := command.Command{Args: []string{path, "--version"}}.Output(ctx)
	if err != nil {
		return "", fmt.Errorf("asking the kubelet for its version: %w", err)
	}
	return strings.TrimSpace(strings.TrimPrefix(string(out), "Kubernetes ")), nil
}

// observe runs the kubelet and fills in the report.
func (r *Report) observe(ctx context.Context, options Options, dir string, runtime *containerd) (err error) {
	place, err := placeKubelet(dir, runtime, options.Version, staticPod("", appImage))
	if err != nil {
		return err
	}
	r.Started = time.Now()
	kubelet, err := startProcess("kubelet", options.Kubelet, dir, place.flags(options.Version)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kubelet.stop(), unmountBelow(place.RootDir)) }()
	if r.ContainerID, err = awaitContainer(ctx, kubelet, runtime); err != nil {
		return err
	}
	r.RunningAfter = time.Since(r.Started)
	state, err := statefile.Load(statefile.Path(place.RootDir))
	if err == nil {
		r.State = &state
	} else if !errors.Is(err, statefile.ErrMissing) {
		return err
	}
	if r.Reading, err = readContainer(ctx, options.Debugger, dir, kubelet.cmd.Process.Pid); err != nil {
		return err
	}
	if !kubelet.alive() {
		return &ExitedError{Program: "kubelet", Err: kubelet.err, Log: kubelet.logEnd()}
	}
	r.ContainerIDAfter, err = runtime.running(ctx, containerName)
	return err
}

// awaitContainer waits until the static pod's container runs, and returns its ID.
func awaitContainer(ctx context.Context, kubelet *process, runtime *containerd) (id string, err error) {
	err = kubelet.wait(ctx, 2*time.Minute, "the static pod's container", func() (bool, error) {
		id, err = runtime.running(ctx, containerName)
		return id != "", err
	})
	return id, err
}

// placeKubelet writes the kubelet's configuration and the static pod's manifest. It
// can be called again for the next kubelet.
func placeKubelet(dir string, runtime *containerd, version kubever.Version, manifest string) (kubeletPlace, error) {
	place := kubeletPlace{
		RootDir: filepath.Join(dir, "kubelet"), ConfigFile: filepath.Join(dir, "kubelet.json"),
		ManifestDir: filepath.Join(dir, "manifests"), CertDir: filepath.Join(dir, "pki"), Endpoint: "unix://" + runtime.socket(),
	}
	var err error
	if place.Port, err = freePort(); err != nil {
		return place, err
	}
	if place.HealthPort, err = freePort(); err != nil {
		return place, err
	}
	config, err := place.config(version)
	if err != nil {
		return place, err
	}
	return place, errors.Join(
		os.MkdirAll(place.ManifestDir, 0o700),
		os.WriteFile(filepath.Join(place.ManifestDir, podName+".yaml"), []byte(manifest), 0o600),
		os.WriteFile(place.ConfigFile, config, 0o600),
	)
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
	case r.Reading.Name != containerName || r.Reading.Image != appImage:
		fail("the debugger read container %q with image %q, want %q and %q", r.Reading.Name, r.Reading.Image, containerName, appImage)
	}
	if r.ContainerID == "" || r.ContainerIDAfter != r.ContainerID {
		fail("container %s was replaced by %q", r.ContainerID, r.ContainerIDAfter)
	}
	return errors.Join(failures...)
}
