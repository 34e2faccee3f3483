package controlplane

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/steadylet/steadylet/internal/cri"
)

// Restart is a container that still goes by what was in a file before.
type Restart struct {
	Pod       Pod
	Container Container
	// ID is the container that runs; empty where none does, so that its kubelet is about
	// to start one.
	ID string
	// Changed are the files that changed after it was made.
	Changed []string
}

// Plan says which containers have to start again, in that order: etcd, the API server,
// and then by name. changed has the time of the last change of each file that may have
// been renewed, by the host's path.
func Plan(pods []Pod, running []cri.Container, changed map[string]time.Time) []Restart {
	var plan []Restart
	for _, pod := range pods {
		for _, container := range pod.Containers {
			task, runs := find(running, pod, container)
			var stale []string
			for _, file := range container.Files {
				if when, known := changed[file]; known && (!runs || !task.CreatedAt.After(when)) {
					stale = append(stale, file)
				}
			}
			if len(stale) > 0 {
				plan = append(plan, Restart{Pod: pod, Container: container, ID: task.ID, Changed: stale})
			}
		}
	}
	slices.SortStableFunc(plan, func(a, b Restart) int {
		return cmp.Or(cmp.Compare(rank(a.Pod), rank(b.Pod)), cmp.Compare(a.Pod.Manifest, b.Pod.Manifest))
	})
	return plan
}

// rank lets what others depend on come first.
func rank(pod Pod) int {
	switch name := filepath.Base(pod.Manifest); {
	case strings.HasPrefix(name, "etcd"):
		return 0
	case strings.HasPrefix(name, "kube-apiserver"):
		return 1
	}
	return 2
}

// find returns the newest running container of that name.
func find(running []cri.Container, pod Pod, container Container) (newest cri.Container, runs bool) {
	for _, task := range running {
		same := task.Namespace == pod.Namespace && task.Pod == pod.Name && task.Name == container.Name
		if same && (!runs || task.CreatedAt.After(newest.CreatedAt)) {
			newest, runs = task, true
		}
	}
	return newest, runs
}
