package firstrun

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// node is a workplace with a container runtime, where one kubelet after the other
// can run.
type node struct {
	*workplace
	runtime *containerd
}

// startNode starts a node without a kubelet. It waits for other runs, and cleans
// up after killed ones.
func startNode(ctx context.Context) (*node, error) {
	if err := Require(); err != nil {
		return nil, err
	}
	place, err := claim(ctx)
	if err != nil {
		return nil, err
	}
	runtime, err := startContainerd(ctx, place)
	if err != nil {
		return nil, errors.Join(err, place.release())
	}
	return &node{place, runtime}, nil
}

// stop ends every container and everything else, and leaves nothing behind.
func (n *node) stop() error {
	return errors.Join(n.noteShims(), n.runtime.stop(), n.release())
}

// awaitContainer waits until the static pod's container runs, and returns its ID.
func (n *node) awaitContainer(ctx context.Context, kubelet *process) (id string, err error) {
	err = kubelet.wait(ctx, 2*time.Minute, "the static pod's container", func() (bool, error) {
		id, err = n.runtime.running(ctx, containerName)
		return id != "", err
	})
	return id, err
}

// placeKubelet writes the kubelet's configuration and the static pod's manifest. It
// can be called again for the next kubelet.
func (n *node) placeKubelet(version kubever.Version, manifest string) (kubeletPlace, error) {
	place := kubeletPlace{
		RootDir: filepath.Join(n.dir, "kubelet"), ConfigFile: filepath.Join(n.dir, "kubelet.json"),
		ManifestDir: filepath.Join(n.dir, "manifests"), CertDir: filepath.Join(n.dir, "pki"),
		PluginDir: filepath.Join(n.dir, "plugins"), LogDir: filepath.Join(n.dir, "pods"),
		CgroupRoot: "/" + n.name(), Endpoint: "unix://" + n.runtime.socket(),
	}
	var err error
	if place.Port, err = freePort(); err != nil {
		return place, err
	}
	if place.HealthPort, err = freePort(); err != nil {
		return place, err
	}
	config, err := place.config(version)
	if err != nil {
		return place, err
	}
	return place, errors.Join(
		os.MkdirAll(place.ManifestDir, 0o700),
		os.WriteFile(filepath.Join(place.ManifestDir, podName+".yaml"), []byte(manifest), 0o600),
		os.WriteFile(place.ConfigFile, config, 0o600),
	)
}
