package upgrade

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
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

// nothing changes nothing.
func nothing(context.Context, *run) error { return nil }

// setImage changes the image of a container of an API pod, as kubectl set image does, and
// makes sure that the API server has taken it. field is where the container is listed.
func setImage(name containerName, field, image string) change {
	return func(ctx context.Context, r *run) error {
		path := r.cluster.podsPath() + "/" + name.Pod
		edit := object{"spec": object{field: list{object{"name": name.Container, "image": image}}}}
		if err := r.cluster.plane.api.patch(ctx, path, edit); err != nil {
			return err
		}
		r.edited[name] = image
		r.noteAsked(name, object{"image": image})
		return nil
	}
}

var (
	// edit asks for another tag of the same content, the smallest edit there is.
	edit = setImage(plainApp, "containers", testnode.EditedImage)
	// editContent asks for an image with other content.
	editContent = setImage(plainApp, "containers", testnode.OtherImage)
	// undo asks for the first image again.
	undo        = setImage(plainApp, "containers", testnode.AppImage)
	editRecent  = setImage(recentApp, "containers", testnode.EditedImage)
	editSidecar = setImage(sidecarProxy, "initContainers", testnode.EditedImage)
)

// editManifest sets fields of a container in a static pod's manifest.
func editManifest(name containerName, fields object) change {
	return func(_ context.Context, r *run) error {
		for i, pod := range r.cluster.pods {
			if pod.name != name.Pod || !pod.static {
				continue
			}
			r.cluster.pods[i].spec = withFields(pod.spec, name.Container, fields)
			r.noteAsked(name, fields)
			if image, ok := fields["image"].(string); ok {
				r.edited[name] = image
			}
			return r.cluster.writeManifest(r.cluster.pods[i])
		}
		return fmt.Errorf("the rig has no static pod %s", name.Pod)
	}
}

// withFields returns a copy of a pod's spec in which a container has more fields.
func withFields(spec object, container string, fields object) object {
	var containers list
	for _, entry := range spec["containers"].(list) {
		copied := object{}
		for name, value := range entry.(object) {
			copied[name] = value
		}
		if copied["name"] == container {
			for name, value := range fields {
				copied[name] = value
			}
		}
		containers = append(containers, copied)
	}
	edited := object{}
	for name, value := range spec {
		edited[name] = value
	}
	edited["containers"] = containers
	return edited
}

// addNewerField adds a field to a static pod that the old kubelet does not know, or where
// the new one knows no such field, any other.
func addNewerField(name containerName) change {
	return func(ctx context.Context, r *run) error {
		fields, newer := newerField(r.options.From.Version.Minor, r.options.To.Version.Minor)
		if !newer {
			fields = variable("added")
		}
		return editManifest(name, fields)(ctx, r)
	}
}

// newerField returns a field that only the newer of two minor versions knows, and that the
// hash of kubelets up to 1.30 covers, if there is one. It goes into an object that the
// containers of moreStaticPods have, so that what is left without it is what was there.
func newerField(from, to int) (fields object, newer bool) {
	if max(from, to) < appArmorSince || min(from, to) >= appArmorSince {
		return nil, false
	}
	return object{"securityContext": object{"allowPrivilegeEscalation": false, "appArmorProfile": object{"type": "Unconfined"}}}, true
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
