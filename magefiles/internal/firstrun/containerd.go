package firstrun

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

// containerd is a container runtime of a run's own.
type containerd struct {
	dir     string
	process *process
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

func (c *containerd) socket() string { return filepath.Join(c.dir, "containerd.sock") }

// startContainerd starts containerd and imports the images.
func startContainerd(ctx context.Context, place *workplace) (*containerd, error) {
	dir := filepath.Join(place.dir, "containerd")
	c := &containerd{dir: dir}
	config := fmt.Sprintf(containerdConfig, filepath.Join(dir, "root"), filepath.Join(dir, "state"), c.socket(), sandboxImage,
		filepath.Join(dir, "cni"), filepath.Join(dir, "runc"), filepath.Join(dir, "opt"))
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "config.toml"), []byte(config), 0o600)); err != nil {
		return nil, fmt.Errorf("configuring containerd: %w", err)
	}
	started, err := place.start("containerd", "containerd", "--config", filepath.Join(dir, "config.toml"))
	if err != nil {
		return nil, err
	}
	c.process = started
	if err := c.ready(ctx); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

func (c *containerd) ready(ctx context.Context) error {
	err := c.process.wait(ctx, 30*time.Second, "containerd to answer", func() (bool, error) {
		_, err := c.ctr(ctx, "version")
		return err == nil, nil
	})
	if err != nil {
		return err
	}
	images := filepath.Join(c.dir, "images.tar")
	if err := writeImages(images); err != nil {
		return err
	}
	_, err = c.ctr(ctx, "images", "import", images)
	return err
}

// ctr runs containerd's own client in the namespace of Kubernetes.
func (c *containerd) ctr(ctx context.Context, args ...string) (string, error) {
	out, err := command.Command{Args: append([]string{"ctr", "--address", c.socket(), "--namespace", "k8s.io"}, args...)}.Output(ctx)
	return string(out), err
}

// running returns the ID of the running container of that name, or nothing.
func (c *containerd) running(ctx context.Context, name string) (string, error) {
	ids, err := c.ctr(ctx, "containers", "list", "--quiet", `labels."io.kubernetes.container.name"==`+name)
	if err != nil {
		return "", err
	}
	tasks, err := c.ctr(ctx, "tasks", "list")
	if err != nil {
		return "", err
	}
	for _, id := range strings.Fields(ids) {
		for line := range strings.Lines(tasks) {
			if fields := strings.Fields(line); len(fields) == 3 && fields[0] == id && fields[2] == "RUNNING" {
				return id, nil
			}
		}
	}
	return "", nil
}

// stop ends every container, then containerd.
func (c *containerd) stop() error {
	if !c.process.alive() {
		return nil // the workplace is cleaned in any case
	}
	// The run's own context may be the reason for stopping.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := c.process.wait(ctx, 30*time.Second, "the containers to end", func() (bool, error) {
		tasks, err := c.ctr(ctx, "tasks", "list", "--quiet")
		for _, id := range strings.Fields(tasks) {
			// containerd itself deletes a task that ended: whoever comes second
			// fails, and the next list tells whether it is gone.
			_, _ = c.ctr(ctx, "tasks", "delete", "--force", id)
		}
		return err == nil && strings.TrimSpace(tasks) == "", err
	})
	return errors.Join(err, c.process.stop())
}
