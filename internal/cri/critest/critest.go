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
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Runtime is what it answers. The zero value has no sandboxes.
type Runtime struct {
	runtimeapi.UnimplementedRuntimeServiceServer
	Sandboxes []*runtimeapi.PodSandbox
	// Containers are those that run, unless Now is there to be asked.
	Containers []*runtimeapi.Container
	Now        func() []*runtimeapi.Container
	// Endings are how containers ended, by ID.
	Endings map[string]*runtimeapi.ContainerStatus
	// CgroupDriver is what RuntimeConfig answers. A runtime that has none here doesn't
	// know that call.
	CgroupDriver *runtimeapi.CgroupDriver
	// Err is what it answers instead. Hang lets it answer nothing at all.
	Err  error
	Hang bool
}

// Version answers with a made-up release.
func (r *Runtime) Version(ctx context.Context, _ *runtimeapi.VersionRequest) (*runtimeapi.VersionResponse, error) {
	return &runtimeapi.VersionResponse{RuntimeName: "critest", RuntimeVersion: "1.6.20"}, r.wait(ctx)
}

// RuntimeConfig answers with CgroupDriver.
func (r *Runtime) RuntimeConfig(ctx context.Context, request *runtimeapi.RuntimeConfigRequest) (*runtimeapi.RuntimeConfigResponse, error) {
	if r.CgroupDriver == nil {
		return r.UnimplementedRuntimeServiceServer.RuntimeConfig(ctx, request)
	}
	return &runtimeapi.RuntimeConfigResponse{Linux: &runtimeapi.LinuxRuntimeConfiguration{CgroupDriver: *r.CgroupDriver}}, r.wait(ctx)
}

// ContainerStatus answers with one of Endings.
func (r *Runtime) ContainerStatus(ctx context.Context, request *runtimeapi.ContainerStatusRequest) (*runtimeapi.ContainerStatusResponse, error) {
	ending, known := r.Endings[request.GetContainerId()]
	if !known {
		return nil, status.Error(codes.NotFound, "no such container")
	}
	return &runtimeapi.ContainerStatusResponse{Status: ending}, r.wait(ctx)
}

// ListContainers answers with the containers.
func (r *Runtime) ListContainers(ctx context.Context, _ *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error) {
	containers := r.Containers
	if r.Now != nil {
		containers = r.Now()
	}
	return &runtimeapi.ListContainersResponse{Containers: containers}, r.wait(ctx)
}

// wait returns Err, or does not return while the runtime hangs.
func (r *Runtime) wait(ctx context.Context) error {
	if r.Hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return r.Err
}

// ListPodSandbox answers as the Runtime says.
func (r *Runtime) ListPodSandbox(ctx context.Context, _ *runtimeapi.ListPodSandboxRequest) (*runtimeapi.ListPodSandboxResponse, error) {
	return &runtimeapi.ListPodSandboxResponse{Items: r.Sandboxes}, r.wait(ctx)
}

// HashedContainer is a running container with the hash that a kubelet wrote on it, in a
// pod whose UID is "uid-of-" and its name.
func HashedContainer(namespace, pod, name, image, hash string, created time.Time) *runtimeapi.Container {
	return WithHash(Container("container-"+pod+"-"+name, namespace, pod, "uid-of-"+pod, name), image, hash, created)
}

// WithHash gives a container an image, a time and the hash that a kubelet wrote on it.
func WithHash(container *runtimeapi.Container, image, hash string, created time.Time) *runtimeapi.Container {
	container.CreatedAt = created.UnixNano()
	container.Image = &runtimeapi.ImageSpec{Image: "sha256:of-" + image, UserSpecifiedImage: image}
	container.Annotations = map[string]string{"io.kubernetes.container.hash": hash}
	return container
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

// Container is a container that runs in the pod of Sandbox, as a kubelet has it made.
func Container(id, namespace, pod, uid, name string) *runtimeapi.Container {
	return &runtimeapi.Container{
		Id: id, PodSandboxId: "sandbox-of-" + uid, State: runtimeapi.ContainerState_CONTAINER_RUNNING,
		Metadata: &runtimeapi.ContainerMetadata{Name: name}, ImageRef: "sha256:image",
		Labels: map[string]string{
			"io.kubernetes.pod.name": pod, "io.kubernetes.pod.namespace": namespace,
			"io.kubernetes.pod.uid": uid, "io.kubernetes.container.name": name,
		},
	}
}

// Serve serves the runtime until the test ends, and returns its endpoint. A nil
// runtime is a gRPC server without the CRI.
func Serve(t testing.TB, runtime *Runtime) (endpoint string) {
	t.Helper()
	if runtime == nil {
		return serve(t, func(*grpc.Server) {})
	}
	return ServeAs(t, runtime, runtimeapi.RuntimeService_ServiceDesc.ServiceName)
}

// ServeAlpha is Serve for a runtime of before CRI v1.
func ServeAlpha(t testing.TB, runtime *Runtime) (endpoint string) {
	t.Helper()
	return ServeAs(t, runtime, "runtime.v1alpha2.RuntimeService")
}

// ServeAs is Serve for any runtime, as that service of the CRI.
func ServeAs(t testing.TB, runtime runtimeapi.RuntimeServiceServer, service string) (endpoint string) {
	t.Helper()
	description := runtimeapi.RuntimeService_ServiceDesc
	description.ServiceName = service
	return serve(t, func(server *grpc.Server) { server.RegisterService(&description, runtime) })
}

func serve(t testing.TB, register func(*grpc.Server)) (endpoint string) {
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
	register(server)
	go server.Serve(listener) //nolint:errcheck // it ends with the test
	t.Cleanup(func() {
		server.Stop()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return "unix://" + socket
}
