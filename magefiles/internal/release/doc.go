// Package release turns built kubelets into what reaches a node: archives, Debian and
// RPM packages, debug symbols, and the papers that say what they are.
//
// # Guarantees
//
// Two releases of the same inputs are equal to the byte, wherever and whenever they
// are made: the inputs are the built binaries, the repository's commit, the revision,
// the Go toolchain that runs this (it compresses) and the key. Every date in a release
// is that of the tag's commit, from patches/kubernetes.lock.yaml, which is also the
// build date that the kubelet names. Nothing of the clock, the host, the user or the
// folder gets in. (A signature is a function of its input for keys of type ed25519 and
// RSA, not for ECDSA.)
//
// A release is whole or absent: it is made in a folder for unfinished work, and moved
// to its place at the end.
//
// What is not proven is not released: only patched kubelets of verified sources, of
// versions that the series is made for, whose bytes are those of their manifests.
//
// # The packages
//
// They are named kubelet, as the ones of the Kubernetes project are. So a package
// manager upgrades one to the other and back. A package of another name would have to
// remove the old one, and removing a kubelet package stops and disables the kubelet (the
// macro systemd_preun, in cmd/krel/templates/latest/kubelet/kubelet.spec of
// kubernetes/release). They have no maintainer scripts: installing, upgrading and
// removing them starts and stops nothing.
package release
