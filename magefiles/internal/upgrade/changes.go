package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
	"github.com/steadylet/steadylet/statefile"
)

// both makes one change after the other.
func both(first, second change) change {
	return func(ctx context.Context, r *run) error {
		if err := first(ctx, r); err != nil {
			return err
		}
		return second(ctx, r)
	}
}

// setImage changes the image of plain/app, as kubectl set image does.
func (c *cluster) setImage(ctx context.Context, image string) error {
	return c.plane.api.patch(ctx, c.podsPath()+"/"+plainApp.Pod, object{
		"spec": object{"containers": list{object{"name": plainApp.Container, "image": image}}},
	})
}

// editSidecar asks for another tag of the same content for a sidecar.
func editSidecar(ctx context.Context, r *run) error {
	return r.cluster.plane.api.patch(ctx, r.cluster.podsPath()+"/"+sidecarProxy.Pod, object{
		"spec": object{"initContainers": list{object{"name": sidecarProxy.Container, "image": testnode.EditedImage}}},
	})
}

// edit asks for another tag of the same content, the smallest edit there is.
func edit(ctx context.Context, r *run) error { return r.cluster.setImage(ctx, testnode.EditedImage) }

// editContent asks for an image with other content.
func editContent(ctx context.Context, r *run) error {
	return r.cluster.setImage(ctx, testnode.OtherImage)
}

func editAndUndo(ctx context.Context, r *run) error {
	return errors.Join(edit(ctx, r), r.cluster.setImage(ctx, testnode.AppImage))
}

// editAndAwait edits under a kubelet, and waits until it has restarted the container.
func editAndAwait(ctx context.Context, r *run) error {
	before, _ := r.cluster.history.last(plainApp)
	if err := edit(ctx, r); err != nil {
		return err
	}
	return r.cluster.kubelet.Wait(ctx, 2*time.Minute, "the edited container to be restarted", func() (bool, error) {
		_, err := r.look(ctx)
		id, running := r.cluster.history.last(plainApp)
		return running && id != before, err
	})
}

// editManifest asks for another image in a static pod's manifest.
func editManifest(name string) change {
	return func(_ context.Context, r *run) error {
		for _, pod := range r.cluster.pods {
			if pod.name == name {
				pod.spec = object{"containers": list{sleeper("app", object{"image": testnode.EditedImage})}}
				return r.cluster.writeManifest(pod)
			}
		}
		return fmt.Errorf("the rig has no pod %s", name)
	}
}

// killContainer ends the process of a container while no kubelet runs.
func killContainer(name containerName) change {
	return func(ctx context.Context, r *run) error {
		id, _ := r.cluster.history.last(name)
		if _, err := r.cluster.node.Runtime.Ctr(ctx, "tasks", "kill", "--signal", "SIGKILL", id); err != nil {
			return err
		}
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(pollInterval) {
			if _, err := r.look(ctx); err != nil {
				return err
			}
			if _, running := r.cluster.history.last(name); !running {
				return nil
			}
		}
		return fmt.Errorf("container %s does not end", name)
	}
}

// makeSick makes the next liveness probe of rich/app fail.
func makeSick(_ context.Context, r *run) error {
	root := r.cluster.place.RootDir
	volumes, err := fs.Glob(os.DirFS(root), "pods/*/volumes/kubernetes.io~empty-dir/scratch")
	if err != nil || len(volumes) != 1 {
		return fmt.Errorf("looking for the volume of %s: found %v (%v)", richApp, volumes, err)
	}
	return os.WriteFile(filepath.Join(root, volumes[0], sickFile), nil, 0o666)
}

// stateFile returns where the kubelet's state file is.
func (r *run) stateFile() string { return statefile.Path(r.cluster.place.RootDir) }

// requireState makes sure that there is a state that can be damaged.
func (r *run) requireState() error {
	if _, err := statefile.Load(r.stateFile()); err != nil {
		return fmt.Errorf("the patched kubelet wrote no state that could be damaged: %w", err)
	}
	return nil
}

func loseState(_ context.Context, r *run) error {
	if err := r.requireState(); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Dir(r.stateFile()))
}

// corruptState overwrites bytes in the middle of the state file, and of the copy
// before it where there is one.
func corruptState(_ context.Context, r *run) error {
	if err := r.requireState(); err != nil {
		return err
	}
	for _, path := range []string{r.stateFile(), r.stateFile() + ".prev"} {
		data, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		copy(data[len(data)/2:], "\x00\xff\x00\xff\x00\xff\x00\xff")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// mountState puts a file system with those options in the place of the state folder.
// The workplace unmounts it.
func mountState(options string) change {
	return func(_ context.Context, r *run) error {
		folder := filepath.Dir(r.stateFile())
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		var flags uintptr
		data := "mode=0700," + options
		if options == "ro" {
			flags, data = syscall.MS_RDONLY, "mode=0700"
		}
		if err := syscall.Mount("steadylet-rig", folder, "tmpfs", flags, data); err != nil {
			return fmt.Errorf("mounting a file system over %s: %w", folder, err)
		}
		return nil
	}
}

// fillState writes into the state folder until nothing fits any more.
func fillState(_ context.Context, r *run) error {
	file, err := os.Create(filepath.Join(filepath.Dir(r.stateFile()), "ballast"))
	if err != nil {
		return err
	}
	defer file.Close()
	for range 1 << 20 {
		if _, err := file.Write(make([]byte, 512)); errors.Is(err, syscall.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return errors.New("the state folder does not fill up")
}

// clockStep is by how much the clock is set back.
const clockStep = 24 * time.Hour

// setClockBack moves the times of the state into the future, which is what a clock
// that was set back makes of them.
func setClockBack(_ context.Context, r *run) error {
	state, err := statefile.Load(r.stateFile())
	if err != nil {
		return fmt.Errorf("setting the clock back: %w", err)
	}
	state.Kubelet.StartTime = state.Kubelet.StartTime.Add(clockStep)
	state.Kubelet.LastStart = state.Kubelet.LastStart.Add(clockStep)
	return statefile.Save(r.stateFile(), state)
}

// disable turns the kill switch on.
func disable(_ context.Context, r *run) error {
	folder := filepath.Dir(r.stateFile())
	return errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(filepath.Join(folder, "disable"), nil, 0o600))
}

// enable turns the kill switch off again.
func enable(_ context.Context, r *run) error {
	return os.Remove(filepath.Join(filepath.Dir(r.stateFile()), "disable"))
}

// killedStarts is how often a kubelet is killed during its first sync.
const killedStarts = 10

// killFirstSyncs starts the last kubelet and kills it, each time a little later.
func killFirstSyncs(ctx context.Context, r *run) error {
	path := r.scenario.kubelets(r.options)
	for i := range killedStarts {
		if err := r.cluster.launch(ctx, path[len(path)-1]); err != nil {
			return err
		}
		select {
		case <-time.After(time.Duration(i) * 250 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if _, err := r.look(ctx); err != nil {
			return err
		}
		if err := r.cluster.kubelet.Kill(); err != nil {
			return err
		}
		r.cluster.kubelet = nil
	}
	_, err := r.look(ctx)
	return err
}
