package predict

import (
	"bytes"
	"encoding/json"
	"errors"

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
	read, err := readListed(newDecoder(bytes.NewReader(raw)))
	if err != nil {
		return Pod{}, err
	}
	if read.kind != "Pod" {
		return Pod{}, errors.New("it is not of kind Pod")
	}
	pod, err := read.pod()
	if err != nil {
		return Pod{}, err
	}
	pod.Static, pod.FromManifest, pod.MadeUpUID = true, true, read.uid == ""
	if pod.Namespace == "" {
		pod.Namespace = "default"
	}
	pod.Has = func(path string) bool { return hasPath(value, path) }
	return pod, nil
}
