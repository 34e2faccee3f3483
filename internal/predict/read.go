package predict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// What the kubelet and the API server write on pods (pkg/kubelet/types/pod_update.go).
const (
	sourceAnnotation = "kubernetes.io/config.source"
	mirrorAnnotation = "kubernetes.io/config.mirror"
)

// Listed says what a list of pods was.
type Listed struct {
	// Pods counts those on a node, Elsewhere those that no node has yet.
	Pods, Elsewhere int
	// FromKubelet says that a kubelet wrote it: it has no field that this kubelet does
	// not know.
	FromKubelet bool
}

// ErrNoPods means that what was read is no pod and no list of pods.
var ErrNoPods = errors.New("it is neither a Pod nor a list of pods in JSON: use kubectl get pods -o json, or name a folder of manifests")

// ReadPods reads pods from JSON, one at a time, and calls each for those that a node has:
// a list from the API server or from a kubelet's /pods, or one pod. It holds no more than
// one pod in memory. Static pods are told by their annotations; that a static pod's UID
// is made up, by its form: 32 hexadecimal digits.
func ReadPods(r io.Reader, each func(Pod) error) (Listed, error) {
	p := podReader{decoder: json.NewDecoder(r), each: each}
	if err := p.read(); err != nil {
		return p.listed, fmt.Errorf("reading the pods: %w", err)
	}
	return p.listed, nil
}

type podReader struct {
	decoder *json.Decoder
	each    func(Pod) error
	listed  Listed
	lists   bool
}

func (p *podReader) read() error {
	if err := p.expect('{'); err != nil {
		return err
	}
	top := map[string]json.RawMessage{}
	for p.decoder.More() {
		name, err := p.decoder.Token()
		if err != nil {
			return err
		}
		if name == "items" {
			if err := p.items(); err != nil {
				return err
			}
			continue
		}
		var value json.RawMessage
		if err := p.decoder.Decode(&value); err != nil {
			return err
		}
		top[fmt.Sprint(name)] = value
	}
	if err := p.expect('}'); err != nil {
		return err
	}
	return p.finish(top)
}

// finish judges by what stands beside the items whether it was a list, or takes the pod
// that it was instead.
func (p *podReader) finish(top map[string]json.RawMessage) error {
	kind := strings.Trim(string(top["kind"]), `"`)
	switch {
	case p.lists && slices.Contains([]string{"List", "PodList"}, kind):
		p.listed.FromKubelet = kind == "PodList" && !bytes.Contains(top["metadata"], []byte("resourceVersion"))
		return nil
	case kind == "Pod":
		whole, err := json.Marshal(top)
		if err != nil {
			return err
		}
		var read listedPod
		if err := json.Unmarshal(whole, &read); err != nil {
			return err
		}
		return p.item(read)
	}
	return ErrNoPods
}

func (p *podReader) expect(delimiter json.Delim) error {
	token, err := p.decoder.Token()
	var syntax *json.SyntaxError
	if errors.Is(err, io.EOF) || errors.As(err, &syntax) && syntax.Offset <= 1 {
		return ErrNoPods
	}
	if err != nil {
		return err
	}
	if token != delimiter {
		return ErrNoPods
	}
	return nil
}

func (p *podReader) items() error {
	p.lists = true
	token, err := p.decoder.Token()
	if err != nil {
		return err
	}
	if token == nil {
		return nil // a kubelet without pods says null
	}
	if token != json.Delim('[') {
		return ErrNoPods
	}
	for n := 1; p.decoder.More(); n++ {
		var read listedPod
		if err := p.decoder.Decode(&read); err != nil {
			return fmt.Errorf("pod %d: %w", n, err)
		}
		if err := p.item(read); err != nil {
			return fmt.Errorf("pod %d: %w", n, err)
		}
	}
	return p.expect(']')
}

// item takes one pod.
func (p *podReader) item(read listedPod) error {
	if read.Kind != "" && read.Kind != "Pod" {
		return nil // kubectl get lists what it is asked for
	}
	pod, err := read.pod()
	if err != nil {
		return err
	}
	if read.Spec.NodeName == "" && !pod.Static {
		p.listed.Elsewhere++
		return nil
	}
	if pod.Static {
		pod.Has = read.has
	}
	p.listed.Pods++
	return p.each(pod)
}

// listedPod is what is read of a pod.
type listedPod struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
		UID         string            `json:"uid"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		NodeName        string          `json:"nodeName"`
		Volumes         json.RawMessage `json:"volumes"`
		Affinity        json.RawMessage `json:"affinity"`
		SecurityContext json.RawMessage `json:"securityContext"`
		Containers      []listedContent `json:"containers"`
		InitContainers  []listedContent `json:"initContainers"`
	} `json:"spec"`
	Status struct {
		Phase                 string         `json:"phase"`
		ContainerStatuses     []listedStatus `json:"containerStatuses"`
		InitContainerStatuses []listedStatus `json:"initContainerStatuses"`
	} `json:"status"`
}

type listedStatus struct {
	Name        string `json:"name"`
	Image       string `json:"image"`
	ContainerID string `json:"containerID"`
	State       struct {
		Running struct {
			StartedAt time.Time `json:"startedAt"`
		} `json:"running"`
	} `json:"state"`
}

// has reports whether the pod has something at a path. What the API server adds to a
// static pod (metadata.managedFields) is not in its manifest.
func (l listedPod) has(path string) bool {
	spec := map[string]any{}
	for name, raw := range map[string]json.RawMessage{
		"volumes": l.Spec.Volumes, "affinity": l.Spec.Affinity, "securityContext": l.Spec.SecurityContext,
	} {
		var value any
		if json.Unmarshal(raw, &value) == nil {
			spec[name] = value
		}
	}
	for name, contents := range map[string][]listedContent{"containers": l.Spec.Containers, "initContainers": l.Spec.InitContainers} {
		var values []any
		for _, content := range contents {
			var value any
			if json.Unmarshal(content.spec, &value) == nil {
				values = append(values, value)
			}
		}
		spec[name] = values
	}
	return hasPath(map[string]any{"spec": spec}, path)
}

// madeUp is the form of a UID that a kubelet made up: 16 bytes in hexadecimal, of md5 or
// of fnv128a. (One of the API server has hyphens.)
var madeUp = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (l *listedPod) pod() (Pod, error) {
	if l.Metadata.Name == "" || len(l.Spec.Containers) == 0 {
		return Pod{}, errors.New("it has no name or no containers")
	}
	pod := Pod{Namespace: l.Metadata.Namespace, Name: l.Metadata.Name, Ended: l.Status.Phase == "Succeeded" || l.Status.Phase == "Failed"}
	uid := l.Metadata.UID
	if mirror, ok := l.Metadata.Annotations[mirrorAnnotation]; ok {
		pod.Static, uid = true, mirror
	}
	switch l.Metadata.Annotations[sourceAnnotation] {
	case "http":
		pod.Recreated = "its manifest comes from a URL"
		pod.Static = true
	case "file":
		pod.Static = true
	}
	pod.MadeUpUID = pod.Static && madeUp.MatchString(uid)
	for _, c := range l.Spec.InitContainers {
		pod.Containers = append(pod.Containers, c.container(initKind(c.restartPolicy), l.Status.InitContainerStatuses))
	}
	for _, c := range l.Spec.Containers {
		pod.Containers = append(pod.Containers, c.container(Regular, l.Status.ContainerStatuses))
	}
	for _, c := range pod.Containers {
		if c.Name == "" {
			return Pod{}, errors.New("one of its containers has no name")
		}
	}
	return pod, nil
}

func initKind(restartPolicy string) Kind {
	if restartPolicy == "Always" {
		return Sidecar
	}
	return Initial
}

func (c listedContent) container(kind Kind, statuses []listedStatus) Container {
	made := Container{Name: c.name, Kind: kind, Image: c.image, Spec: c.spec}
	for _, status := range statuses {
		if status.Name == c.name {
			_, made.ID, _ = strings.Cut(status.ContainerID, "://")
			made.RunningImage, made.CreatedAt = status.Image, status.State.Running.StartedAt
		}
	}
	return made
}
