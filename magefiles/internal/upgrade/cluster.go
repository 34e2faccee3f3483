package upgrade

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// cluster is a cluster of one node. At most one kubelet runs at a time.
type cluster struct {
	node    *testnode.Node
	plane   *controlPlane
	pods    []pod
	kubelet *testnode.Process // nil while none runs
	place   testnode.KubeletPlace
	started int // how many kubelets there were
	history *history
}

// startCluster starts everything but a kubelet, and creates the pods.
func startCluster(ctx context.Context, apiserver string, pods []pod, gates []string) (*cluster, error) {
	node, err := testnode.StartNode(ctx)
	if err != nil {
		return nil, err
	}
	c := &cluster{node: node, pods: pods, history: newHistory()}
	if c.place, err = node.PlaceKubelet(); err == nil {
		c.plane, err = startControlPlane(ctx, node, apiserver, gates)
	}
	if err == nil {
		err = c.createPods(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// stop ends everything, and leaves nothing behind.
func (c *cluster) stop() error {
	err := c.stopKubelet()
	if c.plane != nil {
		err = errors.Join(err, c.plane.stop())
	}
	return errors.Join(err, c.node.Stop())
}

func (c *cluster) createPods(ctx context.Context) error {
	for _, pod := range c.pods {
		var err error
		if pod.static {
			err = c.writeManifest(pod)
		} else {
			err = c.plane.api.create(ctx, c.podsPath(), pod.manifest(c.node.Name()))
		}
		if err != nil {
			return fmt.Errorf("creating pod %s: %w", pod.name, err)
		}
	}
	return nil
}

func (c *cluster) podsPath() string { return "/api/v1/namespaces/" + c.node.Name() + "/pods" }

// writeManifest puts a static pod into the kubelet's folder.
func (c *cluster) writeManifest(pod pod) error {
	data, err := json.MarshalIndent(pod.manifest(c.node.Name()), "", "  ")
	if err != nil {
		return err
	}
	// By rename: the kubelet reads the folder at any time.
	path := filepath.Join(c.place.ManifestDir, pod.name+".json")
	hidden := filepath.Join(c.place.ManifestDir, "."+pod.name)
	return errors.Join(os.WriteFile(hidden, data, 0o600), os.Rename(hidden, path))
}

// startKubelet starts the kubelet and waits until it knows every pod.
func (c *cluster) startKubelet(ctx context.Context, kubelet Kubelet) error {
	if err := c.launch(ctx, kubelet); err != nil {
		return err
	}
	err := c.kubelet.Wait(ctx, 2*time.Minute, fmt.Sprintf("the kubelet %s to know its pods", kubelet), func() (bool, error) {
		return c.knowsPods(ctx), nil
	})
	return err
}

// launch starts the kubelet and waits until it is healthy.
func (c *cluster) launch(ctx context.Context, kubelet Kubelet) (err error) {
	if c.place, err = c.node.PlaceKubelet(); err != nil {
		return err
	}
	c.place.Kubeconfig = c.plane.kubeconfig
	c.started++
	name := fmt.Sprintf("kubelet-%02d-%s-%s", c.started, kubelet.Version, kubelet.kind())
	if c.kubelet, err = c.node.StartKubelet(name, kubelet.Path, kubelet.Version, c.place); err != nil {
		return err
	}
	health := newClient(fmt.Sprintf("http://127.0.0.1:%d", c.place.HealthPort), "", nil)
	return c.kubelet.Wait(ctx, 2*time.Minute, fmt.Sprintf("the kubelet %s to be healthy", kubelet), func() (bool, error) {
		return c.healthy(ctx, health), nil
	})
}

// healthy asks the kubelet, which answers in plain text.
func (c *cluster) healthy(ctx context.Context, health *client) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, health.base+"/healthz", nil)
	if err != nil {
		return false
	}
	response, err := health.http.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// knowsPods reports whether the kubelet has got every pod from its sources.
func (c *cluster) knowsPods(ctx context.Context) bool {
	// Its certificate is one that it has just made for itself.
	kubelet := newClient(fmt.Sprintf("https://127.0.0.1:%d", c.place.Port), "", &tls.Config{InsecureSkipVerify: true})
	var answer struct {
		Items []struct {
			Metadata struct{ Name string }
		}
	}
	if kubelet.get(ctx, "/pods", &answer) != nil {
		return false
	}
	var names []string
	for _, item := range answer.Items {
		names = append(names, item.Metadata.Name)
	}
	for _, pod := range c.pods {
		if !slices.Contains(names, pod.name) && !slices.Contains(names, pod.name+"-"+testnode.NodeName) {
			return false
		}
	}
	return true
}

func (c *cluster) stopKubelet() error {
	if c.kubelet == nil {
		return nil
	}
	err := c.kubelet.Stop()
	c.kubelet = nil
	return err
}

// containers lists the containers of the rig's pods by name. A static pod has the
// node's name at its end.
func (c *cluster) containers(ctx context.Context) ([]testnode.Container, error) {
	all, err := c.node.Runtime.Containers(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		for _, pod := range c.pods {
			if pod.static && all[i].Pod == pod.name+"-"+testnode.NodeName {
				all[i].Pod = pod.name
			}
		}
	}
	return all, nil
}
