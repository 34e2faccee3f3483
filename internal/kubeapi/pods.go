package kubeapi

import (
	"context"
	"net/http"
	"net/url"
)

// Pod is what is read of a pod.
type Pod struct {
	Metadata struct{ Namespace, Name string }
	Spec     PodSpec
}

// PodSpec is what is read of a pod's spec, of the API or of a manifest.
type PodSpec struct {
	Containers     []Container `yaml:"containers"`
	InitContainers []Container `yaml:"initContainers"`
}

// Container is what is read of a container.
type Container struct {
	RestartPolicy string         `yaml:"restartPolicy"`
	ResizePolicy  []ResizePolicy `yaml:"resizePolicy"`
}

// ResizePolicy says what a change of a resource does to a container.
type ResizePolicy struct {
	RestartPolicy string `yaml:"restartPolicy"`
}

// RestartsOnResize reports whether a container is restarted when its resources change.
func (s PodSpec) RestartsOnResize() bool {
	for _, containers := range [][]Container{s.Containers, s.InitContainers} {
		for _, container := range containers {
			for _, policy := range container.ResizePolicy {
				if policy.RestartPolicy == "RestartContainer" {
					return true
				}
			}
		}
	}
	return false
}

// HasSidecar reports whether an init container stays.
func (s PodSpec) HasSidecar() bool {
	for _, container := range s.InitContainers {
		if container.RestartPolicy == "Always" {
			return true
		}
	}
	return false
}

// page is how many pods are asked for at once.
const page = "50"

// Pods lists the pods of a node. The credentials of its kubelet are enough.
func (c *Client) Pods(ctx context.Context, node string) ([]Pod, error) {
	var pods []Pod
	query := url.Values{"fieldSelector": {"spec.nodeName=" + node}, "limit": {page}}
	for {
		var answer struct {
			Metadata struct{ Continue string }
			Items    []Pod
		}
		if err := c.do(ctx, http.MethodGet, "/api/v1/pods?"+query.Encode(), "", nil, &answer); err != nil {
			return nil, err
		}
		pods = append(pods, answer.Items...)
		if answer.Metadata.Continue == "" {
			return pods, nil
		}
		query.Set("continue", answer.Metadata.Continue)
	}
}
