package cri_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/steadylet/steadylet/internal/cri"
	"github.com/steadylet/steadylet/internal/cri/critest"
)

// tasks is a runtime with containers that can be stopped.
type tasks struct {
	runtimeapi.UnimplementedRuntimeServiceServer
	mu      sync.Mutex // guards what follows
	stopped []string
	grace   int64
}

func (*tasks) ListContainers(_ context.Context, request *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error) {
	if request.GetFilter().GetState().GetState() != runtimeapi.ContainerState_CONTAINER_RUNNING {
		return nil, errors.New("it was asked for containers that ended")
	}
	labels := map[string]string{
		"io.kubernetes.pod.uid": "u", "io.kubernetes.pod.name": "etcd-db-3", "io.kubernetes.pod.namespace": "kube-system", "io.kubernetes.container.name": "etcd",
	}
	return &runtimeapi.ListContainersResponse{Containers: []*runtimeapi.Container{
		{Id: "one", Labels: labels, CreatedAt: 7e9, State: runtimeapi.ContainerState_CONTAINER_RUNNING}, {Id: "of no kubelet"},
	}}, nil
}

func (r *tasks) StopContainer(_ context.Context, request *runtimeapi.StopContainerRequest) (*runtimeapi.StopContainerResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped, r.grace = append(r.stopped, request.GetContainerId()), request.GetTimeout()
	return &runtimeapi.StopContainerResponse{}, nil
}

func TestRunningAndStop(t *testing.T) {
	for _, service := range []string{"runtime.v1.RuntimeService", "runtime.v1alpha2.RuntimeService"} {
		t.Run(service, func(t *testing.T) {
			runtime := &tasks{}
			endpoint := critest.ServeAs(t, runtime, service)
			got, err := cri.Running(t.Context(), endpoint, time.Minute)
			want := []cri.Container{{ID: "one", Namespace: "kube-system", Pod: "etcd-db-3", PodUID: "u", Name: "etcd", CreatedAt: time.Unix(7, 0), Running: true}}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
			if err := cri.Stop(t.Context(), endpoint, "one", 30*time.Second, time.Minute); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"one"}, runtime.stopped); diff != "" || runtime.grace != 30 {
				t.Errorf("grace %d\n%s", runtime.grace, diff)
			}
		})
	}
	if _, err := cri.Running(t.Context(), "unix:///none.sock", time.Minute); !errors.Is(err, cri.ErrNoSocket) {
		t.Errorf("got %v, want ErrNoSocket", err)
	}
}
