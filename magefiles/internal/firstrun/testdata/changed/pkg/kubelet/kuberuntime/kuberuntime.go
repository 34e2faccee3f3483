// Package kuberuntime has the one function that the debugger looks for.
package kuberuntime

// Container is what the debugger reads.
type Container struct{ Name, Image string }

// Status is that of a running container.
type Status struct{ Hash uint64 }

// Sync compares a container with its spec.
func Sync(hash uint64) bool {
	_, _, changed := containerChanged(&Container{"app", "image:v1"}, &Status{hash})
	return changed
}

func containerChanged(container *Container, status *Status) (uint64, uint64, bool) {
	expected := hashContainer(container)
	return expected, status.Hash, status.Hash != expected
}

func hashContainer(container *Container) uint64 {
	var hash uint64
	for _, text := range []string{container.Name, container.Image} {
		for _, b := range []byte(text) {
			hash = hash*31 + uint64(b)
		}
	}
	return hash
}
