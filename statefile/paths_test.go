package statefile_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/steadylet/steadylet/statefile"
)

// hashOf returns the hash of a container as a kubelet of the version computes it, and the
// spec that it hashes. newer has it have a field that kubelets before 1.28 do not know.
func hashOf(t *testing.T, minor int, name, image string, newer bool) (hash uint64, spec []byte) {
	t.Helper()
	container := map[string]any{"image": image, "name": name, "resources": map[string]any{}}
	if newer && minor >= 28 {
		container["restartPolicy"] = "Always"
	}
	spec, err := json.Marshal(container)
	if err != nil {
		t.Fatal(err)
	}
	if minor >= 31 {
		return statefile.HashImageAndName(image, name), spec
	}
	return statefile.HashSpec(spec), spec
}

// FuzzDecideOverVersions runs a container through kubelets of any versions, each of which
// remembers what Decide has it remember, and edits its image under one of them, which has
// to see that. Nobody may restart it before.
//
// A byte of path is a kubelet: six bits of it the minor version, the highest says that the
// record was lost before. After that nobody knows which fields the kubelet knew that created
// the container, so that it has no newer ones there.
func FuzzDecideOverVersions(f *testing.F) {
	f.Add("app", "registry.example/app:v1", []byte{20, 30, 31, 36}, 2, false)
	f.Add("app", "registry.example/app:v1", []byte{30, 31, 30, 20, 30, 37}, 4, true)
	f.Add("app", "app", []byte{36, 30, 36 | 0x80, 29, 31 | 0x80, 30}, 5, false)
	f.Fuzz(func(t *testing.T, name, image string, path []byte, edit int, newer bool) {
		edited := image + "-edited"
		if image == "" || len(path) == 0 || len(path) > 16 || statefile.HashImageAndName(image, name) == statefile.HashImageAndName(edited, name) {
			return
		}
		var state statefile.State
		var annotated uint64
		for i, step := range path {
			minor := 16 + int(step&0x3f)%22
			now := start.Add(time.Duration(i) * time.Hour)
			if step&0x80 != 0 && !newer {
				state = statefile.State{}
			}
			state = state.Started(fmt.Sprintf("v1.%d.0", minor), now)
			if i == 0 {
				annotated, _ = hashOf(t, minor, name, image, newer)
				continue
			}
			today := image
			if i == edit {
				today = edited
			}
			current, spec := hashOf(t, minor, name, today, newer)
			got, adopt := statefile.Decide(state, statefile.Observation{
				ContainerID: "id", Name: name, Image: today, RunningImage: image, Annotated: annotated, Current: current,
				CreatedAt: start.Add(time.Minute), Spec: func() ([]byte, error) { return spec, nil },
			})
			if got.Changed != (i == edit) {
				t.Fatalf("kubelet %d of %v, edited at %d: got %+v", i, path, edit, got)
			}
			if got.Changed {
				return
			}
			if adopt != nil {
				state.Containers = map[string]statefile.Adopted{"id": *adopt}
			}
		}
	})
}
