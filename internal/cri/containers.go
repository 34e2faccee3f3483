package cri

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// hashAnnotation has the container's hash, in hexadecimal
// (pkg/kubelet/kuberuntime/labels.go).
const hashAnnotation = "io.kubernetes.container.hash"

// Container is a container as the runtime has it, named as the kubelet named it.
type Container struct {
	ID                           string
	Namespace, Pod, PodUID, Name string
	// Attempt counts the containers of that name in that sandbox, from 0.
	Attempt uint32
	// Image is the image that it was made from: its ID or digest, whichever the
	// runtime goes by. ImageName is the name in the pod's spec, where the runtime
	// keeps it (CRI of 1.28 and later), or empty.
	Image, ImageName string
	CreatedAt        time.Time
	Running          bool
	// Hash is the one that the kubelet wrote on it, or nil.
	Hash *uint64
}

// Containers lists the node's containers, ended ones too, without those that no
// kubelet made. within bounds all of it.
func Containers(ctx context.Context, endpoint string, within time.Duration) ([]Container, error) {
	return ofKubelets(ctx, endpoint, within, nil)
}

// Running is Containers without those that don't run.
func Running(ctx context.Context, endpoint string, within time.Duration) ([]Container, error) {
	return ofKubelets(ctx, endpoint, within, running())
}

// running lets only the containers that run be listed.
func running() *runtimeapi.ContainerFilter {
	return &runtimeapi.ContainerFilter{State: &runtimeapi.ContainerStateValue{State: runtimeapi.ContainerState_CONTAINER_RUNNING}}
}

func ofKubelets(ctx context.Context, endpoint string, within time.Duration, filter *runtimeapi.ContainerFilter) ([]Container, error) {
	var found []Container
	err := withConnection(ctx, endpoint, within, func(ctx context.Context, c *connection) error {
		listed, err := c.containers(ctx, filter)
		for _, container := range listed {
			if container.GetLabels()[podUIDLabel] != "" {
				found = append(found, translateContainer(container))
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (c *connection) containers(ctx context.Context, filter *runtimeapi.ContainerFilter) ([]*runtimeapi.Container, error) {
	var answer runtimeapi.ListContainersResponse
	err := c.ask(ctx, "ListContainers", &runtimeapi.ListContainersRequest{Filter: filter}, &answer)
	return answer.GetContainers(), err
}

func translateContainer(container *runtimeapi.Container) Container {
	labels := container.GetLabels()
	made := Container{
		ID: container.GetId(), Namespace: labels[podNamespaceLabel], Pod: labels[podNameLabel],
		PodUID: labels[podUIDLabel], Name: labels[containerLabel], Attempt: container.GetMetadata().GetAttempt(),
		Image: container.GetImageRef(), ImageName: container.GetImage().GetUserSpecifiedImage(),
		CreatedAt: time.Unix(0, container.GetCreatedAt()),
		Running:   container.GetState() == runtimeapi.ContainerState_CONTAINER_RUNNING,
	}
	if hash, err := strconv.ParseUint(container.GetAnnotations()[hashAnnotation], 16, 64); err == nil {
		made.Hash = &hash
	}
	return made
}

// Ended is how a container ended.
type Ended struct {
	At       time.Time
	ExitCode int32
	// Reason is the runtime's: "Completed", "Error", "OOMKilled".
	Reason string
}

// Endings asks how containers ended. One that runs, or that the runtime has removed,
// is left out. within bounds all of it.
func Endings(ctx context.Context, endpoint string, ids []string, within time.Duration) (map[string]Ended, error) {
	endings := map[string]Ended{}
	if len(ids) == 0 {
		return endings, nil
	}
	err := withConnection(ctx, endpoint, within, func(ctx context.Context, c *connection) error {
		for _, id := range ids {
			var answer runtimeapi.ContainerStatusResponse
			err := c.ask(ctx, "ContainerStatus", &runtimeapi.ContainerStatusRequest{ContainerId: id}, &answer)
			if status.Code(err) == codes.NotFound {
				continue
			}
			if err != nil {
				return err
			}
			if is := answer.GetStatus(); is.GetState() == runtimeapi.ContainerState_CONTAINER_EXITED {
				endings[id] = Ended{At: time.Unix(0, is.GetFinishedAt()), ExitCode: is.GetExitCode(), Reason: is.GetReason()}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return endings, nil
}
