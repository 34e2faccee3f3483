package upgrade

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// mirror is what the API server has of a static pod.
type mirror struct {
	uid   string
	ready bool
}

// mirrors returns those of the static pods, by the name that the pod has in the rig. One
// that is not there has no UID.
func (c *cluster) mirrors(ctx context.Context) (map[string]mirror, error) {
	found := map[string]mirror{}
	for _, pod := range c.pods {
		if !pod.static {
			continue
		}
		var answer struct {
			Metadata struct{ UID string }
			Status   struct {
				Conditions []struct{ Type, Status string }
			}
		}
		err := c.plane.api.get(ctx, c.podsPath()+"/"+staticName(pod.name), &answer)
		if err != nil && StatusCode(err) != http.StatusNotFound {
			return nil, err
		}
		is := mirror{uid: answer.Metadata.UID}
		for _, condition := range answer.Status.Conditions {
			is.ready = is.ready || condition.Type == "Ready" && condition.Status == "True"
		}
		found[pod.name] = is
	}
	return found, nil
}

// awaitMirrors waits until each static pod has a mirror that is ready, and remembers them.
func (r *run) awaitMirrors(ctx context.Context) error {
	return r.cluster.kubelet.Wait(ctx, patience, "the mirrors of static pods to be ready", func() (bool, error) {
		found, err := r.cluster.mirrors(ctx)
		r.mirrors = found
		for _, is := range found {
			if !is.ready {
				return false, err
			}
		}
		return true, err
	})
}

// proveMirrors wants static pods that were kept to have the mirrors that they had, and
// these to be ready again: what watches the API server sees nothing else of them.
func (r *run) proveMirrors(ctx context.Context) error {
	var kept []string
	for _, pod := range r.cluster.pods {
		if pod.static && r.keeps(pod) {
			kept = append(kept, pod.name)
		}
	}
	for deadline := time.Now().Add(patience / 4); ; time.Sleep(pollInterval) {
		now, err := r.cluster.mirrors(ctx)
		if err != nil {
			return err
		}
		if err = compareMirrors(kept, r.mirrors, now); err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			return err
		}
	}
}

// keeps reports whether every container of a pod had to be kept in every stage, and was.
func (r *run) keeps(pod pod) bool {
	names := pod.containers()
	return !slices.ContainsFunc(r.present(), func(row Row) bool {
		return slices.ContainsFunc(names, func(c container) bool { return c.String() == row.Container }) &&
			(row.Expected() != string(Kept) || row.Replaced() > 0)
	})
}

// compareMirrors says what is wrong with mirrors of static pods that were kept.
func compareMirrors(kept []string, before, now map[string]mirror) error {
	var failures []error
	for _, name := range kept {
		switch was, is := before[name], now[name]; {
		case is.uid == "":
			failures = append(failures, fmt.Errorf("static pod %s was kept, and its mirror is gone", name))
		case is.uid != was.uid:
			failures = append(failures, fmt.Errorf("static pod %s was kept, and its mirror was replaced: UID %s became %s", name, was.uid, is.uid))
		case !is.ready:
			failures = append(failures, fmt.Errorf("static pod %s was kept, and its mirror is not ready any more", name))
		}
	}
	return errors.Join(failures...)
}
