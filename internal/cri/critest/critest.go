// Package critest is a container runtime for tests: the real CRI over a unix socket,
// with made-up sandboxes and containers.
package critest

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Runtime is what it answers. The zero value has no sandboxes.
type Runtime struct {
	runtimeapi.UnimplementedRuntimeServiceServer
	Sandboxes  []*runtimeapi.PodSandbox
	Containers []*runtimeapi.Container
	// Err is what it answers instead. Hang lets it answer nothing at all.
	Err  error
	Hang bool
}

// ListPodSandbox answers as the Runtime says.
func (r *Runtime) ListPodSandbox(ctx context.Context, _ *runtimeapi.ListPodSandboxRequest) (*runtimeapi.ListPodSandboxResponse, error) {
	if r.Hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &runtimeapi.ListPodSandboxResponse{Items: r.Sandboxes}, r.Err
}

// ListContainers answers as the Runtime says.
func (r *Runtime) ListContainers(ctx context.Context, _ *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error) {
	if r.Hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &runtimeapi.ListContainersResponse{Containers: r.Containers}, r.Err
}

// Container is a running container, as a kubelet has it made.
func Container(namespace, pod, name, image, hash string, created time.Time) *runtimeapi.Container {
	return &runtimeapi.Container{
		Id: "container-" + pod + "-" + name, State: runtimeapi.ContainerState_CONTAINER_RUNNING, CreatedAt: created.UnixNano(),
		Image: &runtimeapi.ImageSpec{Image: "sha256:of-" + image, UserSpecifiedImage: image},
		Labels: map[string]string{
			"io.kubernetes.pod.name": pod, "io.kubernetes.pod.namespace": namespace, "io.kubernetes.container.name": name,
		},
		Annotations: map[string]string{"io.kubernetes.container.hash": hash},
	}
}

// Sandbox is a ready sandbox of a static pod, as a kubelet has it made.
func Sandbox(namespace, name, uid string, created time.Time) *runtimeapi.PodSandbox {
	return &runtimeapi.PodSandbox{
		Id: "sandbox-of-" + uid, State: runtimeapi.PodSandboxState_SANDBOX_READY, CreatedAt: created.UnixNano(),
		Metadata: &runtimeapi.PodSandboxMetadata{Name: name, Namespace: namespace, Uid: uid},
		Labels: map[string]string{
			"io.kubernetes.pod.name": name, "io.kubernetes.pod.namespace": namespace, "io.kubernetes.pod.uid": uid,
		},
		Annotations: map[string]string{"kubernetes.io/config.source": "file"},
	}
}

// Serve serves the runtime until the test ends, and returns its endpoint. A nil
// runtime is a gRPC server without the CRI.
func Serve(t testing.TB, runtime *Runtime) (endpoint string) {
	t.Helper()
	return serve(t, runtime, runtimeapi.RuntimeService_ServiceDesc)
}

// ServeAlpha is Serve for a runtime of before CRI v1.
func ServeAlpha(t testing.TB, runtime *Runtime) (endpoint string) {
	t.Helper()
	service := runtimeapi.RuntimeService_ServiceDesc
	service.ServiceName = "runtime.v1alpha2.RuntimeService"
	return serve(t, runtime, service)
}

func serve(t testing.TB, runtime *Runtime, service grpc.ServiceDesc) (endpoint string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "cri") // that of the test is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "cri.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	if runtime != nil {
		server.RegisterService(&service, runtime)
	}
	go server.Serve(listener) //nolint:errcheck // it ends with the test
	t.Cleanup(func() {
		server.Stop()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return "unix://" + socket
}
