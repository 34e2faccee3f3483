package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// cluster is a cluster of one node. At most one kubelet runs at a time.
type cluster struct {
	node    *testnode.Node
	plane   *controlPlane
	pods    []pod
	kubelet *testnode.Process // nil while none runs
	place   testnode.KubeletPlace
	// environment is what the kubelets that start from now on have besides the rig's.
	environment []string
	started     int   // how many kubelets there were
	logged      int64 // how much the running one had logged when it was last marked
	history     *history
}

// startCluster starts everything but a kubelet, and creates the pods.
func startCluster(ctx context.Context, apiserver string, pods []pod, gates []string) (*cluster, error) {
	node, err := testnode.StartNode(ctx)
	if err != nil {
		return nil, err
	}
	c := &cluster{node: node, pods: pods, history: newHistory()}
	if c.place, err = node.PlaceKubelet(); err == nil {
		c.plane, err = startControlPlane(ctx, node, apiserver, planeOptions{gates: gates})
	}
	if err == nil {
		err = c.createPods(ctx, pods)
	}
	if err != nil {
		return nil, errors.Join(err, c.stop(ctx))
	}
	return c, nil
}

// stop ends everything, and leaves nothing behind; at once where ctx has ended.
func (c *cluster) stop(ctx context.Context) error {
	err := c.stopKubelet(ctx)
	if c.plane != nil {
		err = errors.Join(err, c.plane.stop())
	}
	return errors.Join(err, c.node.Stop(ctx))
}

func (c *cluster) createPods(ctx context.Context, pods []pod) error {
	for _, pod := range pods {
		var err error
		if pod.static {
			err = c.writeManifest(pod)
		} else {
			err = c.createPod(ctx, pod)
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

// containers lists the containers of the rig's pods by name. A static pod has the
// node's name at its end.
func (c *cluster) containers(ctx context.Context) ([]testnode.Container, error) {
	all, err := c.node.Runtime.Containers(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		for _, pod := range c.pods {
			if pod.static && all[i].Pod == staticName(pod.name) {
				all[i].Pod = pod.name
			}
		}
	}
	return all, nil
}
