// Package containers takes down which containers run on a node, and says later which
// of them were replaced, and which of those needlessly.
//
// # Guarantee
//
// It only reads. A container counts as replaced needlessly unless something that can
// be seen from the node says otherwise: another image, another manifest, an end that
// no kubelet brought about. Where nothing can be seen it counts, so that whoever goes
// by the count errs on the side of going back.
//
// # Caveat
//
// Two tags of the same content are one image to most container runtimes: an edit from
// one to the other counts as needless. So does a restart that a probe asked for.
package containers

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/steadylet/steadylet/internal/readfile"
)

// Container is a container of a pod.
type Container struct {
	ID        string `json:"id"`
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	PodUID    string `json:"podUID"`
	Name      string `json:"name"`
	Attempt   uint32 `json:"attempt"`
	// Image is what the runtime knows it by; ImageName is the name in the spec, or
	// empty where the runtime does not keep it.
	Image     string    `json:"image"`
	ImageName string    `json:"imageName,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	// Static says that its pod comes from a manifest on this node; Manifest is then
	// the SHA-256 of that file, in hexadecimal, or empty when it can't be read.
	Static   bool   `json:"static,omitempty"`
	Manifest string `json:"manifest,omitempty"`
	running  bool
	ended    *Ended
}

// Ended is how a container ended.
type Ended struct {
	At       time.Time
	ExitCode int32
	// Reason is the runtime's, such as "OOMKilled".
	Reason string
}

// Node is where a kubelet finds its containers and manifests.
type Node struct {
	Endpoint     string `json:"runtimeEndpoint"`
	ManifestPath string `json:"podManifestPath,omitempty"`
	Name         string `json:"nodeName"`
}

// Snapshot is what ran on a node at a time.
type Snapshot struct {
	TakenAt time.Time `json:"takenAt"`
	Node    Node      `json:"node"`
	// Containers has those that ran, by namespace, pod and name.
	Containers []Container `json:"containers"`
}

// ErrNoSnapshot means that a file is something else than a Snapshot in JSON.
var ErrNoSnapshot = errors.New("not a snapshot as steadylet containers -o json writes it")

// maxSnapshot bounds a snapshot's file, in bytes. A container takes half a kilobyte.
const maxSnapshot = 16 << 20

// Read reads a snapshot from a file. The error matches ErrNoSnapshot, or is that of
// the file system.
func Read(path string) (Snapshot, error) {
	data, err := readfile.Read(path, maxSnapshot)
	if err != nil {
		return Snapshot{}, fmt.Errorf("reading the snapshot: %w", err)
	}
	snapshot, err := Decode(data)
	if err != nil {
		return Snapshot{}, fmt.Errorf("reading the snapshot %s: %w", path, err)
	}
	return snapshot, nil
}

// Decode reads a snapshot. The error matches ErrNoSnapshot.
func Decode(data []byte) (Snapshot, error) {
	var snapshot Snapshot
	if err := json.Unmarshal(data, &snapshot); err != nil {
		return Snapshot{}, fmt.Errorf("%w: %v", ErrNoSnapshot, err)
	}
	if snapshot.TakenAt.IsZero() || snapshot.Node.Endpoint == "" {
		return Snapshot{}, fmt.Errorf("%w: it lacks takenAt or node", ErrNoSnapshot)
	}
	for i := range snapshot.Containers {
		if snapshot.Containers[i].ID == "" {
			return Snapshot{}, fmt.Errorf("%w: container %d has no ID", ErrNoSnapshot, i)
		}
		snapshot.Containers[i].running = true
	}
	return snapshot, nil
}

// sorted sorts containers by namespace, pod, name and age.
func sorted(list []Container) []Container {
	slices.SortFunc(list, func(a, b Container) int {
		if order := strings.Compare(a.String(), b.String()); order != 0 {
			return order
		}
		return a.CreatedAt.Compare(b.CreatedAt)
	})
	return list
}

// String names the container as "namespace/pod/name".
func (c Container) String() string { return c.Namespace + "/" + c.Pod + "/" + c.Name }
