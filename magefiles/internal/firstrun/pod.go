package firstrun

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// The static pod of a run.
const (
	podName       = "steadylet"
	containerName = "app"
)

// staticPod returns the manifest of a pod with one sleeping container. A kubelet
// makes up the UID where it is empty.
func staticPod(namespace, uid, image string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata:
  name: %s
  namespace: %s
  uid: %q
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 1
  containers:
  - name: %s
    image: %s
    imagePullPolicy: Never
`, podName, namespace, uid, containerName, image)
}

// startKubelet writes the static pod's manifest and starts a kubelet.
func startKubelet(n *testnode.Node, options Options, uid, image string) (*testnode.Process, testnode.KubeletPlace, error) {
	place, err := n.PlaceKubelet()
	if err != nil {
		return nil, place, err
	}
	manifest := filepath.Join(place.ManifestDir, podName+".yaml")
	if err := os.WriteFile(manifest, []byte(staticPod(n.Name(), uid, image)), 0o600); err != nil {
		return nil, place, fmt.Errorf("placing the static pod: %w", err)
	}
	kubelet, err := n.StartKubelet("kubelet", options.Kubelet, options.Version, place)
	return kubelet, place, err
}

// awaitContainer waits until the static pod's container runs, and returns its ID.
func awaitContainer(ctx context.Context, n *testnode.Node, kubelet *testnode.Process) (id string, err error) {
	err = kubelet.Wait(ctx, 2*time.Minute, "the static pod's container", func() (bool, error) {
		id, err = n.Runtime.Running(ctx, containerName)
		return id != "", err
	})
	return id, err
}
