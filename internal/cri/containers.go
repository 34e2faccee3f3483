package cri

import (
	"context"
	"strconv"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Container is a container that a kubelet made.
type Container struct {
	ID, Namespace, Pod, Name string
	// Image is the name that the runtime gives the image, AskedImage the one in the
	// pod's spec, which kubelets send from 1.28 on; before, it is empty.
	Image, AskedImage string
	CreatedAt         time.Time
	Running           bool
	// Hash is the one that the kubelet wrote on it, or nil.
	Hash *uint64
}

// What the kubelet writes on a container (pkg/kubelet/kuberuntime/labels.go). The hash
// is in hexadecimal.
const (
	containerNameLabel = "io.kubernetes.container.name"
	hashAnnotation     = "io.kubernetes.container.hash"
)

// Containers lists the node's containers, ended ones too. within bounds all of it.
func Containers(ctx context.Context, endpoint string, within time.Duration) ([]Container, error) {
	var answer runtimeapi.ListContainersResponse
	if err := ask(ctx, endpoint, within, "ListContainers", &runtimeapi.ListContainersRequest{}, &answer); err != nil {
		return nil, err
	}
	var found []Container
	for _, container := range answer.GetContainers() {
		if container.GetLabels()[containerNameLabel] != "" {
			found = append(found, translateContainer(container))
		}
	}
	return found, nil
}

// translateContainer reads a container as the kubelet wrote it.
func translateContainer(container *runtimeapi.Container) Container {
	labels := container.GetLabels()
	made := Container{
		ID: container.GetId(), Namespace: labels[podNamespaceLabel], Pod: labels[podNameLabel], Name: labels[containerNameLabel],
		Image: container.GetImage().GetImage(), AskedImage: container.GetImage().GetUserSpecifiedImage(),
		CreatedAt: time.Unix(0, container.GetCreatedAt()), Running: container.GetState() == runtimeapi.ContainerState_CONTAINER_RUNNING,
	}
	if hash, err := strconv.ParseUint(container.GetAnnotations()[hashAnnotation], 16, 64); err == nil {
		made.Hash = &hash
	}
	return made
}
