package cri

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/steadylet/steadylet/statefile"
)

// Runtime is what a container runtime says of itself and of what it runs.
type Runtime struct {
	// API is the newest version of the CRI that it speaks: "v1" or "v1alpha2".
	API string
	// Name and Version are the program's: "containerd", "1.6.20".
	Name, Version string
	// CgroupDriver is "systemd" or "cgroupfs", as the call RuntimeConfig (CRI v1 of
	// Kubernetes 1.28) has it; empty where the runtime doesn't know that call.
	CgroupDriver string
	// Sandboxes are all there are, ended ones too.
	Sandboxes []Sandbox
}

// Sandbox is a pod sandbox.
type Sandbox struct {
	statefile.Sandbox
	// Running is how many containers run in it.
	Running int
}

// Inspect asks the runtime what it is and what it runs. within bounds all of it; the
// errors are those of Sandboxes.
func Inspect(ctx context.Context, endpoint string, within time.Duration) (Runtime, error) {
	var runtime Runtime
	err := withConnection(ctx, endpoint, within, func(ctx context.Context, c *connection) error {
		var version runtimeapi.VersionResponse
		if err := c.ask(ctx, "Version", &runtimeapi.VersionRequest{}, &version); err != nil {
			return err
		}
		runtime = Runtime{API: "v1", Name: version.GetRuntimeName(), Version: version.GetRuntimeVersion()}
		if c.alpha {
			runtime.API = "v1alpha2"
		}
		var err error
		if runtime.CgroupDriver, err = c.cgroupDriver(ctx); err != nil {
			return err
		}
		runtime.Sandboxes, err = c.sandboxes(ctx)
		return err
	})
	return runtime, err
}

// cgroupDriver returns nothing for a runtime that doesn't say.
func (c *connection) cgroupDriver(ctx context.Context) (string, error) {
	var config runtimeapi.RuntimeConfigResponse
	err := c.ask(ctx, "RuntimeConfig", &runtimeapi.RuntimeConfigRequest{}, &config)
	if status.Code(err) == codes.Unimplemented {
		return "", nil
	}
	if err != nil || config.GetLinux() == nil {
		return "", err
	}
	if config.GetLinux().GetCgroupDriver() == runtimeapi.CgroupDriver_CGROUPFS {
		return "cgroupfs", nil
	}
	return "systemd", nil
}

func (c *connection) sandboxes(ctx context.Context) ([]Sandbox, error) {
	containers, err := c.containers(ctx, running())
	if err != nil {
		return nil, err
	}
	count := map[string]int{}
	for _, container := range containers {
		count[container.GetPodSandboxId()]++
	}
	var listed runtimeapi.ListPodSandboxResponse
	if err := c.ask(ctx, "ListPodSandbox", &runtimeapi.ListPodSandboxRequest{}, &listed); err != nil {
		return nil, err
	}
	var found []Sandbox
	for _, item := range listed.GetItems() {
		found = append(found, Sandbox{translate(item), count[item.GetId()]})
	}
	return found, nil
}
