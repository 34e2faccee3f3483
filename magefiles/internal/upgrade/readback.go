package upgrade

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// createPod creates a pod and reads it back: an API server drops fields that it does not
// know, or whose feature gate is off, and says nothing.
func (c *cluster) createPod(ctx context.Context, pod pod) error {
	manifest := pod.manifest(c.node.Name())
	if err := c.plane.api.create(ctx, c.podsPath(), manifest); err != nil {
		return err
	}
	var kept any
	if err := c.plane.api.get(ctx, c.podsPath()+"/"+pod.name, &kept); err != nil {
		return err
	}
	sent, err := plain(manifest)
	if err != nil {
		return err
	}
	if lost := lostFields("", sent, kept); len(lost) > 0 {
		return fmt.Errorf("the API server did not keep %s: it needs a feature gate, or a newer version", strings.Join(lost, ", "))
	}
	return nil
}

// plain returns a value as it is read from its JSON.
func plain(value any) (read any, err error) {
	data, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(data, &read)
	}
	return read, err
}

// lostFields lists the paths of what was sent and is not there, or is another. What was
// added is left out: servers add defaults, and elements at the ends of lists.
func lostFields(path string, sent, kept any) []string {
	switch sent := sent.(type) {
	case object:
		return lostFromObject(path, sent, kept)
	case list:
		there, _ := kept.(list)
		var lost []string
		for i, value := range sent {
			at := fmt.Sprintf("%s[%d]", path, i)
			if i >= len(there) {
				lost = append(lost, at)
				continue
			}
			lost = append(lost, lostFields(at, value, there[i])...)
		}
		return lost
	}
	if sent != kept {
		return []string{path}
	}
	return nil
}

func lostFromObject(path string, sent object, kept any) []string {
	there, ok := kept.(object)
	if !ok {
		return []string{path}
	}
	var lost []string
	for name, value := range sent {
		lost = append(lost, lostFields(strings.TrimPrefix(path+"."+name, "."), value, there[name])...)
	}
	slices.Sort(lost)
	return lost
}
