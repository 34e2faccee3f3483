package predict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/steadylet/steadylet/internal/podmanifest"
)

// What the kubelet and the API server write on pods (pkg/kubelet/types/pod_update.go).
const (
	sourceAnnotation = "kubernetes.io/config.source"
	mirrorAnnotation = "kubernetes.io/config.mirror"
)

// listedPod is what is read of a pod, or of a list.
type listedPod struct {
	kind, name, namespace, uid string
	source, mirror             string
	mirrored                   bool
	// versioned and further are of a list: it has a resource version, and a continuation.
	versioned, further bool

	nodeName, phase            string
	resources                  []byte
	containers, initContainers []listedContent
	statuses, initStatuses     []listedStatus
	// others are those members of the spec, in JSON, that only static pods are judged by.
	others map[string][]byte
}

type listedStatus struct {
	name, image, containerID string
	startedAt                time.Time
	allocated                bool // it says what is allocated
}

// member reads one member of a pod.
func (l *listedPod) member(d *jsontext.Decoder, name string) error {
	switch name {
	case "kind":
		return text(d, &l.kind)
	case "metadata":
		return object(d, func(name string) error { return l.metadata(d, name) })
	case "spec":
		return object(d, func(name string) error { return l.spec(d, name) })
	case "status":
		return object(d, func(name string) error { return l.status(d, name) })
	}
	return d.SkipValue()
}

func (l *listedPod) metadata(d *jsontext.Decoder, name string) error {
	switch name {
	case "name":
		return text(d, &l.name)
	case "namespace":
		return text(d, &l.namespace)
	case "uid":
		return text(d, &l.uid)
	case "annotations":
		return object(d, func(name string) error {
			switch name {
			case sourceAnnotation:
				return text(d, &l.source)
			case mirrorAnnotation:
				l.mirrored = true
				return text(d, &l.mirror)
			}
			return d.SkipValue()
		})
	case "resourceVersion":
		l.versioned = true
	case "continue":
		var token string
		err := text(d, &token)
		l.further = token != ""
		return err
	}
	return d.SkipValue()
}

func (l *listedPod) spec(d *jsontext.Decoder, name string) error {
	switch name {
	case "nodeName":
		return text(d, &l.nodeName)
	case "resources":
		return raw(d, &l.resources)
	case "containers":
		return contents(d, &l.containers)
	case "initContainers":
		return contents(d, &l.initContainers)
	case "volumes", "affinity", "securityContext", "serviceAccountName", "serviceAccount", "imagePullSecrets", "resourceClaims", "ephemeralContainers":
		value, err := d.ReadValue()
		if l.others == nil {
			l.others = map[string][]byte{}
		}
		l.others[name] = bytes.Clone(value)
		return err
	}
	return d.SkipValue()
}

func (l *listedPod) status(d *jsontext.Decoder, name string) error {
	switch name {
	case "phase":
		return text(d, &l.phase)
	case "containerStatuses":
		return statuses(d, &l.statuses)
	case "initContainerStatuses":
		return statuses(d, &l.initStatuses)
	}
	return d.SkipValue()
}

// raw copies the value that comes next.
func raw(d *jsontext.Decoder, to *[]byte) error {
	value, err := d.ReadValue()
	*to = append((*to)[:0], value...)
	return err
}

func contents(d *jsontext.Decoder, to *[]listedContent) error {
	*to = nil // of two members of a name the last one counts
	return array(d, func() error {
		value, err := d.ReadValue()
		if err == nil {
			*to = append(*to, readContent(value))
		}
		return err
	})
}

func statuses(d *jsontext.Decoder, to *[]listedStatus) error {
	*to = nil
	return array(d, func() error {
		var read listedStatus
		err := object(d, func(name string) error { return read.member(d, name) })
		*to = append(*to, read)
		return err
	})
}

func (s *listedStatus) member(d *jsontext.Decoder, name string) error {
	switch name {
	case "name":
		return text(d, &s.name)
	case "image":
		return text(d, &s.image)
	case "containerID":
		return text(d, &s.containerID)
	case "allocatedResources":
		s.allocated = d.PeekKind() == jsontext.KindBeginObject
		return d.SkipValue()
	case "state":
		return object(d, func(name string) error {
			if name != "running" {
				return d.SkipValue()
			}
			return object(d, func(name string) error {
				if name != "startedAt" {
					return d.SkipValue()
				}
				return timestamp(d, &s.startedAt)
			})
		})
	}
	return d.SkipValue()
}

// timestamp reads a time as the API server writes it, or null.
func timestamp(d *jsontext.Decoder, to *time.Time) error {
	var written string
	if err := text(d, &written); err != nil || written == "" {
		return err
	}
	var err error
	if *to, err = time.Parse(time.RFC3339, written); err != nil {
		return mismatch(d, "a time")
	}
	return nil
}

// decoded returns the parts of the spec that a static pod is judged by, as decoded JSON.
func (l *listedPod) decoded() map[string]any {
	spec := map[string]any{}
	for name, data := range l.others {
		var value any
		if json.Unmarshal(data, &value) == nil {
			spec[name] = value
		}
	}
	for name, contents := range map[string][]listedContent{"containers": l.containers, "initContainers": l.initContainers} {
		var values []any
		for _, content := range contents {
			var value any
			if json.Unmarshal(content.spec, &value) == nil {
				values = append(values, value)
			}
		}
		spec[name] = values
	}
	return spec
}

// madeUp is the form of a UID that a kubelet made up: 16 bytes in hexadecimal, of md5 or
// of fnv128a. (One of the API server has hyphens.)
var madeUp = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (l *listedPod) pod() (Pod, error) {
	if l.name == "" || len(l.containers) == 0 {
		return Pod{}, errors.New("it has no name or no containers")
	}
	pod := Pod{Namespace: l.namespace, Name: l.name, Resources: l.resources, Ended: l.phase == "Succeeded" || l.phase == "Failed"}
	uid := l.uid
	if l.mirrored {
		pod.Static, uid = true, l.mirror
	}
	switch l.source {
	case "http":
		pod.Recreated = "its manifest comes from a URL"
		pod.Static, pod.FromURL = true, true
	case "file":
		pod.Static = true
	}
	if pod.Static {
		spec := l.decoded()
		pod.References = podmanifest.References(spec)
		// What the API server adds to a static pod, outside of the spec, is not in its manifest.
		pod.Has = func(path string) bool { return hasPath(map[string]any{"spec": spec}, path) }
	}
	pod.MadeUpUID = pod.Static && madeUp.MatchString(uid)
	pod.Containers = make([]Container, 0, len(l.initContainers)+len(l.containers))
	for _, c := range l.initContainers {
		pod.Containers = append(pod.Containers, c.container(initKind(c.restartPolicy), l.initStatuses))
	}
	for _, c := range l.containers {
		pod.Containers = append(pod.Containers, c.container(Regular, l.statuses))
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
		if status.name == c.name {
			_, made.ID, _ = strings.Cut(status.containerID, "://")
			made.RunningImage, made.CreatedAt, made.Resizable = status.image, status.startedAt, status.allocated
		}
	}
	return made
}

// readListed reads a pod of which the JSON is at hand.
func readListed(d *jsontext.Decoder) (listedPod, error) {
	var read listedPod
	if err := object(d, func(name string) error { return read.member(d, name) }); err != nil {
		return listedPod{}, fmt.Errorf("it is no pod: %w", err)
	}
	return read, nil
}
