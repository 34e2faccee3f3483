package nodepods

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"

	"github.com/steadylet/steadylet/internal/cri"
	"github.com/steadylet/steadylet/internal/predict"
)

// Runtime is what a container runtime said.
type Runtime struct {
	byID   map[string]cri.Container
	byName map[string]cri.Container
}

// NewRuntime takes what a container runtime listed.
func NewRuntime(containers []cri.Container) Runtime {
	r := Runtime{byID: map[string]cri.Container{}, byName: map[string]cri.Container{}}
	for _, c := range containers {
		if !c.Running {
			continue
		}
		r.byID[c.ID] = c
		r.byName[nameKey(c.Namespace, c.Pod, c.Name)] = c
	}
	return r
}

func nameKey(namespace, pod, container string) string { return namespace + "/" + pod + "/" + container }

// Annotate adds to a pod's containers the hashes that are on them. A static pod of a
// manifest lacks the node's name; node adds it.
func (r Runtime) Annotate(pod *predict.Pod, node string) error {
	for i := range pod.Containers {
		c := &pod.Containers[i]
		found, ok := r.byID[c.ID]
		if !ok && pod.Static && c.ID == "" {
			found, ok = r.byName[nameKey(pod.Namespace, pod.Name+"-"+node, c.Name)]
		}
		if !ok {
			continue
		}
		c.ID, c.CreatedAt, c.Annotated = found.ID, found.CreatedAt, found.Hash
		if pod.FromManifest {
			continue // without what the kubelet adds to it
		}
		exact, err := encode(c.Spec)
		if err != nil {
			return fmt.Errorf("container %s of pod %s/%s: %w", c.Name, pod.Namespace, pod.Name, err)
		}
		c.Spec, c.Exact = exact, true
	}
	return nil
}

// encode writes a container's JSON as a kubelet of the newest version does.
func encode(spec []byte) ([]byte, error) {
	if spec == nil {
		return nil, nil
	}
	var container v1.Container
	if err := json.Unmarshal(spec, &container); err != nil {
		return nil, err
	}
	return json.Marshal(&container)
}

// Pods makes pods of what the runtime alone knows, for those that known does not have: the
// hash, the image and the name of each container, not its spec.
func (r Runtime) Pods(known func(namespace, pod string) bool) []predict.Pod {
	byPod := map[string]*predict.Pod{}
	var pods []*predict.Pod
	for _, c := range r.byID {
		if known(c.Namespace, c.Pod) {
			continue
		}
		key := c.Namespace + "/" + c.Pod
		if byPod[key] == nil {
			byPod[key] = &predict.Pod{Namespace: c.Namespace, Name: c.Pod}
			pods = append(pods, byPod[key])
		}
		byPod[key].Containers = append(byPod[key].Containers, predict.Container{
			Name: c.Name, Kind: predict.NotSaid, Image: c.ImageName, ID: c.ID, CreatedAt: c.CreatedAt, Annotated: c.Hash,
		})
	}
	return sorted(pods)
}

// sorted puts pods, and the containers of each, in order.
func sorted(pods []*predict.Pod) []predict.Pod {
	made := make([]predict.Pod, 0, len(pods))
	for _, pod := range pods {
		slices.SortFunc(pod.Containers, func(a, b predict.Container) int { return cmp.Compare(a.Name, b.Name) })
		made = append(made, *pod)
	}
	slices.SortFunc(made, func(a, b predict.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return made
}
