package testnode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// Node is a workplace with a container runtime, where one kubelet after the other
// can run.
type Node struct {
	*Workplace
	Runtime *Containerd
}

// StartNode starts a node without a kubelet. It waits for other runs, and cleans
// up after killed ones.
func StartNode(ctx context.Context) (*Node, error) {
	if err := Require(); err != nil {
		return nil, err
	}
	place, err := Claim(ctx)
	if err != nil {
		return nil, err
	}
	runtime, err := StartContainerd(ctx, place)
	if err != nil {
		return nil, errors.Join(err, place.Release())
	}
	return &Node{place, runtime}, nil
}

// Stop ends every container and everything else, and leaves nothing behind. Once ctx has
// ended, as after Ctrl-C, somebody waits for that: all of it is killed at once, where it
// is otherwise asked to end.
func (n *Node) Stop(ctx context.Context) error {
	if ctx.Err() != nil {
		return n.Release()
	}
	return errors.Join(n.noteShims(), n.Runtime.Stop(), n.Release())
}

// PlaceKubelet chooses free ports and makes the folder of static pods. Every kubelet
// of the node has the same folders, so each goes on where the one before it ended.
func (n *Node) PlaceKubelet() (KubeletPlace, error) {
	place := KubeletPlace{
		RootDir: filepath.Join(n.dir, "kubelet"), ConfigFile: filepath.Join(n.dir, "kubelet.json"),
		ManifestDir: filepath.Join(n.dir, "manifests"), CertDir: filepath.Join(n.dir, "pki"),
		PluginDir: filepath.Join(n.dir, "plugins"), LogDir: filepath.Join(n.dir, "pods"),
		CgroupRoot: "/" + n.Name(), Endpoint: "unix://" + n.Runtime.Socket(),
	}
	var err error
	if place.Port, err = FreePort(); err != nil {
		return place, err
	}
	if place.HealthPort, err = FreePort(); err != nil {
		return place, err
	}
	return place, os.MkdirAll(place.ManifestDir, 0o700)
}

// StartKubelet writes the configuration of that version and starts the program,
// with its output in <name>.log.
func (n *Node) StartKubelet(name, program string, version kubever.Version, place KubeletPlace) (*Process, error) {
	config, err := place.Config(version)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(place.ConfigFile, config, 0o600); err != nil {
		return nil, fmt.Errorf("configuring the kubelet: %w", err)
	}
	flags := place.Flags(version)
	if len(place.Environment) == 0 {
		return n.Start(name, program, flags...)
	}
	// env(1) becomes the program: it stays one process.
	return n.Start(name, "env", slices.Concat(place.Environment, []string{program}, flags)...)
}
