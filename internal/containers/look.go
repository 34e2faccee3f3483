package containers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/steadylet/steadylet/internal/cri"
	"github.com/steadylet/steadylet/internal/nodestate"
)

// Take takes down what runs on a node. within bounds each question to the container
// runtime.
func Take(ctx context.Context, node Node, within time.Duration, at time.Time) (Snapshot, error) {
	now, err := look(ctx, node, within)
	if err != nil {
		return Snapshot{}, err
	}
	snapshot := Snapshot{TakenAt: at.UTC(), Node: node, Containers: []Container{}}
	for _, container := range now.Containers {
		if container.running {
			snapshot.Containers = append(snapshot.Containers, container)
		}
	}
	return snapshot, nil
}

// Since looks at the node of an earlier snapshot again, and says what became of its
// containers: see Compare.
func Since(ctx context.Context, before Snapshot, within time.Duration, started time.Time) (Report, error) {
	now, err := look(ctx, before.Node, within)
	if err != nil {
		return Report{}, err
	}
	running := map[string]bool{}
	for _, container := range now.Containers {
		running[container.ID] = container.running
	}
	var ended []string
	for _, container := range before.Containers {
		if !running[container.ID] {
			ended = append(ended, container.ID)
		}
	}
	endings, err := cri.Endings(ctx, before.Node.Endpoint, ended, within)
	if err != nil {
		return Report{}, err
	}
	for i := range now.Containers {
		if ending, ok := endings[now.Containers[i].ID]; ok {
			now.Containers[i].ended = &Ended{At: ending.At, ExitCode: ending.ExitCode, Reason: ending.Reason}
		}
	}
	return Compare(before, now, started), nil
}

// look asks the runtime and reads the manifests.
func look(ctx context.Context, node Node, within time.Duration) (Now, error) {
	manifests, err := digests(node)
	if err != nil {
		return Now{}, err
	}
	listed, err := cri.Containers(ctx, node.Endpoint, within)
	if err != nil {
		return Now{}, err
	}
	sandboxes, err := cri.Sandboxes(ctx, node.Endpoint, within)
	if err != nil {
		return Now{}, err
	}
	now := Now{Pods: map[string]bool{}, Manifests: manifests}
	static := map[string]bool{}
	for _, sandbox := range sandboxes {
		now.Pods[sandbox.UID] = now.Pods[sandbox.UID] || sandbox.Ready
		static[sandbox.UID] = static[sandbox.UID] || sandbox.FromFile
	}
	for _, from := range listed {
		container := Container{
			ID: from.ID, Namespace: from.Namespace, Pod: from.Pod, PodUID: from.PodUID, Name: from.Name, Attempt: from.Attempt,
			Image: from.Image, ImageName: from.ImageName, CreatedAt: from.CreatedAt.UTC(), Static: static[from.PodUID], running: from.Running,
		}
		if container.Static {
			container.Manifest = manifests[container.Namespace+"/"+container.Pod]
		}
		now.Containers = append(now.Containers, container)
	}
	sorted(now.Containers)
	return now, nil
}

// digests reads the manifests of static pods. One that is no manifest makes no pod.
func digests(node Node) (map[string]string, error) {
	found := map[string]string{}
	if node.ManifestPath == "" {
		return found, nil
	}
	files, err := nodestate.ReadManifests(node.ManifestPath, node.Name)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if file.Name == "" {
			continue
		}
		sum := sha256.Sum256(file.Content)
		found[file.Namespace+"/"+file.Name] = hex.EncodeToString(sum[:])
	}
	return found, nil
}
