// Package controlplane knows which static pods of a node read certificates and
// kubeconfigs, which of them started before those changed, and how to let the kubelet
// start them again.
//
// A container is ended through the container runtime, and its kubelet starts another one
// in the same pod. The manifest stays where it is, to the byte and to its times: a
// manifest that is moved away and back is another one to a kubelet that has no record of
// it, and costs the pod its sandbox. Nothing else of the pod or of the node is touched.
package controlplane

import (
	"errors"
	"fmt"
	"net"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Pod is a static pod.
type Pod struct {
	// Manifest is the path of its manifest. Name has the node's at its end.
	Manifest, Namespace, Name string
	// Grace is how long a container of it may take to end.
	Grace      time.Duration
	Containers []Container
}

// Container is one of a static pod.
type Container struct {
	Name string
	// Files are the host's paths that its command line names, or that are mounted one by
	// one, sorted.
	Files []string
	// Probe is the URL that its probe asks, or empty.
	Probe string
}

// defaultGrace is what the API says where a pod says nothing
// (DefaultTerminationGracePeriodSeconds, k8s.io/api/core/v1/types.go), in seconds.
const defaultGrace = 30

// manifest has the fields of a pod that are read.
type manifest struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name      string `yaml:"name"`
		Namespace string `yaml:"namespace"`
	} `yaml:"metadata"`
	Spec struct {
		Grace      *int64              `yaml:"terminationGracePeriodSeconds"`
		Containers []manifestContainer `yaml:"containers"`
		Volumes    []struct {
			Name     string `yaml:"name"`
			HostPath *struct {
				Path string `yaml:"path"`
			} `yaml:"hostPath"`
		} `yaml:"volumes"`
	} `yaml:"spec"`
}

type manifestContainer struct {
	Name    string   `yaml:"name"`
	Command []string `yaml:"command"`
	Args    []string `yaml:"args"`
	Ports   []struct {
		Name string `yaml:"name"`
		Port int    `yaml:"containerPort"`
	} `yaml:"ports"`
	Mounts []struct {
		Name    string `yaml:"name"`
		Path    string `yaml:"mountPath"`
		SubPath string `yaml:"subPath"`
	} `yaml:"volumeMounts"`
	Readiness *probe `yaml:"readinessProbe"`
	Liveness  *probe `yaml:"livenessProbe"`
}

type probe struct {
	HTTP *struct {
		Host   string `yaml:"host"`
		Path   string `yaml:"path"`
		Port   string `yaml:"port"`
		Scheme string `yaml:"scheme"`
	} `yaml:"httpGet"`
}

// ErrManifest means that a file is no static pod's. What is wrong with it stays untold:
// the words of a parser quote the file.
var ErrManifest = errors.New("no manifest of a static pod")

// ParsePod reads a manifest of a node of that name.
func ParsePod(file string, content []byte, node string) (Pod, error) {
	var read manifest
	if yaml.Unmarshal(content, &read) != nil || read.Kind != "Pod" || read.Metadata.Name == "" {
		return Pod{}, fmt.Errorf("%s: %w", file, ErrManifest)
	}
	pod := Pod{
		Manifest: file, Namespace: read.Metadata.Namespace, Name: read.Metadata.Name + "-" + node, Grace: defaultGrace * time.Second,
	}
	if pod.Namespace == "" {
		pod.Namespace = "default"
	}
	if read.Spec.Grace != nil {
		pod.Grace = time.Duration(*read.Spec.Grace) * time.Second
	}
	volumes := map[string]string{}
	for _, volume := range read.Spec.Volumes {
		if volume.HostPath != nil {
			volumes[volume.Name] = volume.HostPath.Path
		}
	}
	for _, container := range read.Spec.Containers {
		pod.Containers = append(pod.Containers, Container{
			Name: container.Name, Files: container.files(volumes), Probe: container.probe(),
		})
	}
	return pod, nil
}

// mount is a folder or file of the host in a container.
type mount struct{ inside, host string }

// files lists the host's paths of what the command line names, and of what is mounted. A
// folder that is mounted is of no interest to those who look for files.
func (c manifestContainer) files(volumes map[string]string) []string {
	var mounts []mount
	var files []string
	for _, m := range c.Mounts {
		host, known := volumes[m.Name]
		if !known {
			continue
		}
		host = path.Join(host, m.SubPath)
		mounts = append(mounts, mount{path.Clean(m.Path), host})
		files = append(files, host)
	}
	// The mount that lies deepest counts.
	slices.SortFunc(mounts, func(a, b mount) int { return len(b.inside) - len(a.inside) })
	for _, argument := range slices.Concat(c.Command, c.Args) {
		for _, word := range strings.FieldsFunc(argument, func(r rune) bool { return strings.ContainsRune("=, ", r) }) {
			if host := onHost(word, mounts); host != "" {
				files = append(files, host)
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// onHost returns where a path of a container lies on the host, or nothing.
func onHost(inside string, mounts []mount) string {
	if !path.IsAbs(inside) {
		return ""
	}
	inside = path.Clean(inside)
	for _, m := range mounts {
		if rest, found := strings.CutPrefix(inside, m.inside); found && (rest == "" || rest[0] == '/' || m.inside == "/") {
			return filepath.Join(m.host, rest)
		}
	}
	return ""
}

// probe returns the URL that the kubelet asks, of the readiness probe where there is one.
// (A static pod of a control plane is on the host's network, so without a host it is
// asked on loopback.)
func (c manifestContainer) probe() string {
	for _, p := range []*probe{c.Readiness, c.Liveness} {
		if p == nil || p.HTTP == nil {
			continue
		}
		scheme, host, port := strings.ToLower(p.HTTP.Scheme), p.HTTP.Host, p.HTTP.Port
		if scheme == "" {
			scheme = "http"
		}
		if host == "" {
			host = "127.0.0.1"
		}
		for _, named := range c.Ports {
			if named.Name == port {
				port = fmt.Sprint(named.Port)
			}
		}
		return scheme + "://" + net.JoinHostPort(host, port) + "/" + strings.TrimPrefix(p.HTTP.Path, "/")
	}
	return ""
}
