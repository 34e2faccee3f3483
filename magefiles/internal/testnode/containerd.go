package testnode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/command"
)

// Containerd is a container runtime of a run's own, with its images imported:
// nothing is ever pulled.
type Containerd struct {
	dir     string
	process *Process
	known   map[string]Container // by ID
}

// containerdConfig is that of containerd 1.6. Scores of the out-of-memory killer
// are left alone: lowering one takes a right that a test host may not have. What
// would lie elsewhere on the host by default (CNI, runc's state, /opt/containerd)
// has its place in the run's folder.
const containerdConfig = `version = 2
root = %[1]q
state = %[2]q
[grpc]
  address = %[3]q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %[4]q
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %[5]q
    conf_dir = %[5]q
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = %[6]q
[plugins."io.containerd.internal.v1.opt"]
  path = %[7]q
`

// Socket returns the path that containerd listens at.
func (c *Containerd) Socket() string { return filepath.Join(c.dir, "containerd.sock") }

func containerdDir(place *Workplace) string { return filepath.Join(place.dir, "containerd") }

// socketPathLimit is how long a socket's path may be, in bytes (unix(7)).
const socketPathLimit = 107

// checkSocketPath refuses a folder in which containerd could not listen in a run's
// workplace.
func checkSocketPath(parent string) error {
	// os.MkdirTemp adds up to ten digits, containerd .ttrpc to the longest socket.
	longest := (&Containerd{dir: containerdDir(&Workplace{dir: filepath.Join(parent, dirPrefix+"4294967295")})}).Socket() + ".ttrpc"
	if len(longest) <= socketPathLimit {
		return nil
	}
	return fmt.Errorf("%s is too long for the sockets of a run (%d bytes of at most %d): set TMPDIR to a shorter path", parent, len(longest), socketPathLimit)
}

// StartContainerd starts containerd and imports the images.
func StartContainerd(ctx context.Context, place *Workplace) (*Containerd, error) {
	dir := containerdDir(place)
	c := &Containerd{dir: dir}
	config := fmt.Sprintf(containerdConfig, filepath.Join(dir, "root"), filepath.Join(dir, "state"), c.Socket(), sandboxImage,
		filepath.Join(dir, "cni"), filepath.Join(dir, "runc"), filepath.Join(dir, "opt"))
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "config.toml"), []byte(config), 0o600)); err != nil {
		return nil, fmt.Errorf("configuring containerd: %w", err)
	}
	started, err := place.Start("containerd", "containerd", "--config", filepath.Join(dir, "config.toml"))
	if err != nil {
		return nil, err
	}
	c.process = started
	if err := c.ready(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Containerd) ready(ctx context.Context) error {
	err := c.process.Wait(ctx, 30*time.Second, "containerd to answer", func() (bool, error) {
		_, err := c.Ctr(ctx, "version")
		return err == nil, nil
	})
	if err != nil {
		return err
	}
	images := filepath.Join(c.dir, "images.tar")
	if err := writeImages(images); err != nil {
		return err
	}
	_, err = c.Ctr(ctx, "images", "import", images)
	return err
}

// Ctr runs containerd's own client in the namespace of Kubernetes.
func (c *Containerd) Ctr(ctx context.Context, args ...string) (string, error) {
	out, err := command.Command{Args: append([]string{"ctr", "--address", c.Socket(), "--namespace", "k8s.io"}, args...)}.Output(ctx)
	return string(out), err
}

// Running returns the ID of the running container of that name, or nothing.
func (c *Containerd) Running(ctx context.Context, name string) (string, error) {
	ids, err := c.Ctr(ctx, "containers", "list", "--quiet", `labels."io.kubernetes.container.name"==`+name)
	if err != nil {
		return "", err
	}
	tasks, err := c.Ctr(ctx, "tasks", "list")
	if err != nil {
		return "", err
	}
	alive := runningTasks(tasks)
	for _, id := range strings.Fields(ids) {
		if alive[id] {
			return id, nil
		}
	}
	return "", nil
}

// Stop ends every container, then containerd.
func (c *Containerd) Stop() error {
	if !c.process.Alive() {
		return nil // the workplace is cleaned in any case
	}
	// The run's own context may be the reason for stopping.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := c.process.Wait(ctx, 30*time.Second, "the containers to end", func() (bool, error) {
		tasks, err := c.Ctr(ctx, "tasks", "list", "--quiet")
		for _, id := range strings.Fields(tasks) {
			// containerd itself deletes a task that ended: whoever comes second
			// fails, and the next list tells whether it is gone.
			_, _ = c.Ctr(ctx, "tasks", "delete", "--force", id)
		}
		return err == nil && strings.TrimSpace(tasks) == "", err
	})
	return errors.Join(err, c.process.Stop())
}
