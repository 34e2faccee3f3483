// Package statefile is what a patched kubelet remembers between its runs: which
// version it is and since when, and with that, whether a container whose hash
// moved was changed by anybody.
//
// The kubelet writes a hash of each container's spec on the container, and
// restarts the container when it differs from that of today's spec. The hash also
// moves when another version of the kubelet computes it in another way. Decide
// tells the two apart.
//
// # Guarantee
//
// A container is kept only when the hash on it is proven to be that of today's
// spec, computed as a released kubelet computes it. Whatever is missing, damaged
// or unexpected gives the stock answer, and nothing in this package panics or
// keeps a kubelet from starting. The file is whole at all times: it is replaced by
// rename after its content has reached the disk, and the copy before it is kept.
//
// # Caveat
//
// The hash has 32 bits. An edited spec has the old hash with a probability of one
// in four thousand million for each algorithm that is tried, as it has with a
// stock kubelet.
//
// # Compatibility
//
// A file of schema version 1 can be read by every later release of this package.
// Within a schema version fields are added, never changed; a reader that does not
// know a field drops it. A file of a later schema version is refused
// (ErrFutureSchema) and left where it is.
//
// The package is compiled by the toolchains of all supported Kubernetes versions,
// so it keeps to the language and the standard library of Go 1.15.
package statefile
