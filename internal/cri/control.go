package cri

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Task is a container that runs, named as the kubelet named it.
type Task struct {
	ID                   string
	Namespace, Pod, Name string
	CreatedAt            time.Time
}

// containerNameLabel is what the kubelet writes on a container (pkg/kubelet/types/labels.go).
const containerNameLabel = "io.kubernetes.container.name"

// Tasks lists the containers that run and that a kubelet made. within bounds all of it.
func Tasks(ctx context.Context, endpoint string, within time.Duration) ([]Task, error) {
	var answer runtimeapi.ListContainersResponse
	running := &runtimeapi.ContainerStateValue{State: runtimeapi.ContainerState_CONTAINER_RUNNING}
	request := &runtimeapi.ListContainersRequest{Filter: &runtimeapi.ContainerFilter{State: running}}
	if err := call(ctx, endpoint, within, "ListContainers", request, &answer); err != nil {
		return nil, err
	}
	var tasks []Task
	for _, container := range answer.GetContainers() {
		labels := container.GetLabels()
		if labels[podUIDLabel] == "" {
			continue
		}
		tasks = append(tasks, Task{
			ID: container.GetId(), Namespace: labels[podNamespaceLabel], Pod: labels[podNameLabel],
			Name: labels[containerNameLabel], CreatedAt: time.Unix(0, container.GetCreatedAt()),
		})
	}
	return tasks, nil
}

// Stop ends a container: it is asked to, and killed where it has not ended after grace.
// Its kubelet then starts another one, as the pod's restart policy says. One that has
// ended already is no error. within bounds the runtime's answer after that.
func Stop(ctx context.Context, endpoint, id string, grace, within time.Duration) error {
	request := &runtimeapi.StopContainerRequest{ContainerId: id, Timeout: int64(grace / time.Second)}
	return call(ctx, endpoint, grace+within, "StopContainer", request, &runtimeapi.StopContainerResponse{})
}

// call asks one thing in CRI v1, and in v1alpha2 where the runtime is older than that.
func call(ctx context.Context, endpoint string, within time.Duration, method string, request, answer any) error {
	socket, err := SocketPath(endpoint)
	if err != nil {
		return err
	}
	if err := checkSocket(socket); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	connection, err := dial(socket)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", socket, err)
	}
	defer connection.Close()
	if err := invoke(ctx, connection, method, request, answer); err != nil {
		return fmt.Errorf("%s: %w", method, explain(err, socket, within))
	}
	return nil
}

func invoke(ctx context.Context, connection *grpc.ClientConn, method string, request, answer any) error {
	err := connection.Invoke(ctx, "/runtime.v1.RuntimeService/"+method, request, answer)
	if status.Code(err) == codes.Unimplemented {
		err = connection.Invoke(ctx, "/runtime.v1alpha2.RuntimeService/"+method, request, answer)
	}
	return err
}
