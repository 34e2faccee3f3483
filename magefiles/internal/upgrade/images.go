package upgrade

import (
	"context"
	"errors"
	"fmt"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// proveImages wants each container to run the image that its pod asks for today, by
// digest, and the edits to have been what they are called.
func (r *run) proveImages(ctx context.Context) error {
	digests, err := r.cluster.node.Runtime.ImageDigests(ctx)
	if err != nil {
		return err
	}
	asked, err := r.askedImages(ctx)
	if err != nil {
		return err
	}
	failures := []error{checkTags(digests)}
	for _, c := range r.containers {
		id, _ := r.cluster.history.last(c.containerName)
		failures = append(failures, imageUse{
			container: c.containerName, asked: asked[c.containerName], edited: r.edited[c.containerName],
			running: r.cluster.history.images[id],
		}.check(digests))
	}
	return errors.Join(failures...)
}

// askedImages are the images that the API server's pods and the manifests ask for.
func (r *run) askedImages(ctx context.Context) (map[containerName]string, error) {
	asked := map[containerName]string{}
	for _, pod := range r.cluster.pods {
		spec := pod.spec
		if !pod.static {
			var answer struct{ Spec object }
			if err := r.cluster.plane.api.get(ctx, r.cluster.podsPath()+"/"+pod.name, &answer); err != nil {
				return nil, err
			}
			spec = answer.Spec
		}
		for _, field := range []string{"initContainers", "containers"} {
			entries, _ := spec[field].(list)
			for _, entry := range entries {
				name, _ := entry.(object)["name"].(string)
				asked[containerName{pod.name, name}], _ = entry.(object)["image"].(string)
			}
		}
	}
	return asked, nil
}

// checkTags wants the edited image to be another tag of the same content, and the other
// one to have other content. digests are those of images, by name.
func checkTags(digests map[string]string) error {
	app, edited, other := digests[testnode.AppImage], digests[testnode.EditedImage], digests[testnode.OtherImage]
	switch {
	case app == "" || edited == "" || other == "":
		return fmt.Errorf("the container runtime lacks images: it has %v", digests)
	case app != edited:
		return fmt.Errorf("%s is to be another tag of %s, and their digests are %s and %s", testnode.EditedImage, testnode.AppImage, edited, app)
	case app == other:
		return fmt.Errorf("%s is to have other content than %s, and both have digest %s", testnode.OtherImage, testnode.AppImage, app)
	}
	return nil
}

// imageUse is the image of one container at the end of a run.
type imageUse struct {
	container containerName
	// asked is what its pod asks for, edited what was asked for last in an edit, or
	// nothing, running what the container runtime says. It names the first tag that the
	// content has, so two of them are told apart only by what is asked for.
	asked, edited, running string
}

func (u imageUse) check(digests map[string]string) error {
	switch running := digests[u.running]; {
	case u.edited != "" && u.asked != u.edited:
		return fmt.Errorf("container %s was edited to image %s, and its pod asks for %s", u.container, u.edited, u.asked)
	case u.edited == "" && u.asked != testnode.AppImage:
		return fmt.Errorf("container %s was not edited, and its pod asks for image %s", u.container, u.asked)
	case running == "":
		return fmt.Errorf("container %s runs image %q, which the container runtime does not have", u.container, u.running)
	case running != digests[u.asked]:
		return fmt.Errorf("container %s runs the image with digest %s, and its pod asks for %s, which has digest %s", u.container, running, u.asked, digests[u.asked])
	}
	return nil
}
