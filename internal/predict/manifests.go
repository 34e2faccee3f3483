package predict

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/steadylet/steadylet/internal/podmanifest"
)

// ReadManifest reads a static pod's manifest as a kubelet does, see package podmanifest.
// The pod is called as in the manifest, without the node's name.
func ReadManifest(content []byte) (Pod, error) {
	manifest, err := podmanifest.Parse(content)
	if err != nil {
		return Pod{}, err
	}
	encoded, err := json.Marshal(manifest) // without what no kubelet knows
	if err != nil {
		return Pod{}, fmt.Errorf("encoding its pod: %w", err)
	}
	read, err := readListed(newDecoder(bytes.NewReader(encoded)))
	if err != nil {
		return Pod{}, err
	}
	pod, err := read.pod()
	if err != nil {
		return Pod{}, err
	}
	pod.Static, pod.FromManifest, pod.MadeUpUID = true, true, read.uid == ""
	if pod.Namespace == "" {
		pod.Namespace = "default"
	}
	if pod.References, err = podmanifest.ReferencesOf(manifest); err != nil {
		return Pod{}, err
	}
	var value any
	if err := json.Unmarshal(encoded, &value); err != nil {
		return Pod{}, fmt.Errorf("encoding its pod: %w", err)
	}
	pod.Has = func(path string) bool { return hasPath(value, path) }
	return pod, nil
}
