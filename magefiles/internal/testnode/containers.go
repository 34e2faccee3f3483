package testnode

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// Container is a container that a kubelet made. A restart makes another one.
type Container struct {
	ID, Namespace, Pod, Name string
	// Image is its image by the name that containerd gives it: of several tags of the
	// same content, the first.
	Image string
	// Running says that its process is alive.
	Running bool
}

// Containers lists the containers of pods, those that have ended too, without the
// sandboxes.
func (c *Containerd) Containers(ctx context.Context) ([]Container, error) {
	ids, err := c.Ctr(ctx, "containers", "list", "--quiet", `labels."io.cri-containerd.kind"==container`)
	if err != nil {
		return nil, err
	}
	tasks, err := c.Ctr(ctx, "tasks", "list")
	if err != nil {
		return nil, err
	}
	alive := runningTasks(tasks)
	var containers []Container
	for _, id := range strings.Fields(ids) {
		container, err := c.inspect(ctx, id)
		if err != nil {
			return nil, err
		}
		if container.ID == "" {
			continue // removed meanwhile
		}
		container.Running = alive[id]
		containers = append(containers, container)
	}
	return containers, nil
}

// inspect reads a container's labels, which never change. It returns nothing for
// one that is gone.
func (c *Containerd) inspect(ctx context.Context, id string) (Container, error) {
	if known, ok := c.known[id]; ok {
		return known, nil
	}
	out, err := c.Ctr(ctx, "containers", "info", id)
	if err != nil && strings.Contains(err.Error(), "not found") {
		return Container{}, nil
	}
	var info struct {
		Image  string
		Labels map[string]string
	}
	if err == nil {
		err = json.Unmarshal([]byte(out), &info)
	}
	if err != nil {
		return Container{}, fmt.Errorf("inspecting container %s: %w", id, err)
	}
	container := Container{
		ID: id, Image: info.Image, Namespace: info.Labels["io.kubernetes.pod.namespace"],
		Pod: info.Labels["io.kubernetes.pod.name"], Name: info.Labels["io.kubernetes.container.name"],
	}
	if c.known == nil {
		c.known = map[string]Container{}
	}
	c.known[id] = container
	return container, nil
}

// runningTasks reads the table that ctr prints: ID, process ID and status.
func runningTasks(table string) map[string]bool {
	running := map[string]bool{}
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[2] == "RUNNING" {
			running[fields[0]] = true
		}
	}
	return running
}

// ImageDigests returns the digests of the images, by name.
func (c *Containerd) ImageDigests(ctx context.Context) (map[string]string, error) {
	table, err := c.Ctr(ctx, "images", "list")
	return imageDigests(table), err
}

// imageDigests reads the table that ctr prints: name, type and digest, and more.
func imageDigests(table string) map[string]string {
	digests := map[string]string{}
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); len(fields) > 3 && strings.HasPrefix(fields[2], "sha256:") {
			digests[fields[0]] = fields[2]
		}
	}
	return digests
}
