package controlplane

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/steadylet/steadylet/internal/cri"
	"github.com/steadylet/steadylet/internal/nodestate"
)

// Node says where things are. Paths are absolute.
type Node struct {
	// Manifests is the folder of static pods, Name the node's.
	Manifests, Name string
	Endpoint        string
	// Folders hold what may have been renewed.
	Folders []string
	// LeftOut takes a file that should be a static pod's manifest and isn't, and why. It must
	// be set.
	LeftOut func(path string, why error)
	// Within bounds an answer of the container runtime, Patience how long a container
	// may take to be there again and healthy.
	Within, Patience time.Duration
	// Calm is how long a container without a probe must run.
	Calm time.Duration
}

// Pods reads the static pods. A file that is none is left out, as by the kubelet, and
// LeftOut is told. Where no file at all can be read that is an error.
func (n Node) Pods() ([]Pod, error) {
	files, err := nodestate.ReadManifests(n.Manifests, n.Name)
	if err != nil {
		return nil, err
	}
	var pods []Pod
	var unread error
	for _, file := range files {
		if file.Err != nil {
			n.LeftOut(file.Path, file.Err)
			if len(file.Content) == 0 {
				unread = fmt.Errorf("no static pod can be read: %w", file.Err)
			}
			continue
		}
		pod, err := ParsePod(file.Path, file.Content, strings.ToLower(n.Name))
		if err != nil {
			return nil, err
		}
		pods = append(pods, pod)
	}
	if len(pods) == 0 {
		return nil, unread
	}
	return pods, nil
}

// Plan looks at the node and says which containers have to start again.
func (n Node) Plan(ctx context.Context) ([]Pod, []Restart, error) {
	pods, err := n.Pods()
	if err != nil {
		return nil, nil, err
	}
	changed, err := n.Changed(pods)
	if err != nil {
		return nil, nil, err
	}
	containers, err := cri.Running(ctx, n.Endpoint, n.Within)
	if err != nil {
		return nil, nil, err
	}
	return pods, Plan(pods, containers, changed), nil
}

// ErrUnhealthy means that a container is not there again in time, or isn't healthy.
var ErrUnhealthy = errors.New("the control plane is not healthy")

// Run ends the container and waits until another one runs and is healthy, and returns
// its ID. The error matches ErrUnhealthy when it does not.
func (n Node) Run(ctx context.Context, r Restart) (string, error) {
	if r.ID != "" {
		if err := cri.Stop(ctx, n.Endpoint, r.ID, r.Pod.Grace, n.Within); err != nil {
			return "", fmt.Errorf("ending %s of %s: %w", r.Container.Name, r.Pod.Name, err)
		}
	}
	return n.Await(ctx, r.Pod, r.Container, r.ID)
}

// pause is between two looks.
const pause = 500 * time.Millisecond

// Await waits until a container runs that is not the old one, and is healthy, and returns
// its ID.
func (n Node) Await(ctx context.Context, pod Pod, container Container, old string) (string, error) {
	deadline := time.After(n.Patience)
	var id string
	var since time.Time
	for {
		containers, err := cri.Running(ctx, n.Endpoint, n.Within)
		if err != nil {
			return "", err
		}
		task, runs := find(containers, pod, container)
		why := errors.New("it does not run")
		if runs && task.ID != old {
			if task.ID != id {
				id, since = task.ID, time.Now()
			}
			if why = n.healthy(ctx, container, since); why == nil {
				return id, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-deadline:
			return "", fmt.Errorf("%w: %s of %s after %s: %w", ErrUnhealthy, container.Name, pod.Name, n.Patience, why)
		case <-time.After(pause):
		}
	}
}

// askWithin bounds one probe.
const askWithin = 15 * time.Second

// healthy asks as the kubelet's probe would (pkg/probe/http): any certificate will do,
// and so will any answer from 200 to 399.
func (n Node) healthy(ctx context.Context, container Container, since time.Time) error {
	if container.Probe == "" {
		if ran := time.Since(since); ran < n.Calm {
			return fmt.Errorf("it has run for %s only", ran.Truncate(time.Second))
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, container.Probe, nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode < 200 || answer.StatusCode >= 400 {
		return fmt.Errorf("%s answers %s", container.Probe, answer.Status)
	}
	return nil
}
