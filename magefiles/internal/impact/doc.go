// Package impact tells what two versions of Kubernetes do differently with the
// containers and static pods of a node: which fields of v1.Container and of the static
// pod's Pod came and went, how each side hashes them, and what follows for what runs.
//
// Everything is read off the source trees: types with go/types, functions by the
// structure of their syntax. No version number is looked at. A function that has
// another structure than the known ones is reported as [Unknown], with what was found
// in its place, and every verdict that would rest on it is unknown too.
//
// What is read, by its path in the Kubernetes repository:
//
//   - staging/src/k8s.io/api/core/v1: v1.Container, what its JSON has;
//   - pkg/apis/core: the internal Pod, whose dump a static pod's UID is made of;
//   - pkg/apis/core/v1/defaults.go: what the API server fills in;
//   - pkg/kubelet/container/helpers.go (HashContainer) and pkg/util/hash/hash.go;
//   - pkg/kubelet/config/common.go (applyDefaults): the UID;
//   - pkg/kubelet/kuberuntime: who asks containerChanged.
//
// Extract reads files, and everything else here is pure. All of it is safe for
// concurrent use.
package impact
