package predict

import (
	"encoding/json"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// ReadManifest reads a static pod's manifest, in YAML or JSON. The pod is called as in
// the manifest, without the node's name.
func ReadManifest(content []byte) (Pod, error) {
	var value any
	if err := yaml.Unmarshal(content, &value); err != nil {
		return Pod{}, errors.New("it is no manifest in YAML or JSON") // the parser would quote it
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return Pod{}, errors.New("it is no manifest in YAML or JSON")
	}
	var read listedPod
	if err := json.Unmarshal(raw, &read); err != nil {
		return Pod{}, fmt.Errorf("it is no pod: %w", err)
	}
	if read.Kind != "Pod" {
		return Pod{}, errors.New("it is not of kind Pod")
	}
	pod, err := read.pod()
	if err != nil {
		return Pod{}, err
	}
	pod.Static, pod.FromManifest, pod.MadeUpUID = true, true, read.Metadata.UID == ""
	if pod.Namespace == "" {
		pod.Namespace = "default"
	}
	pod.Has = func(path string) bool { return hasPath(value, path) }
	return pod, nil
}
