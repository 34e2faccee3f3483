// Package testnode makes a host a Kubernetes node for a while: a container runtime
// with images of its own, and places for kubelets, one after the other.
//
// It needs root, and Debian's packages containerd, runc and busybox-static; what
// is missing is a [*MissingError]. Everything lies in one folder, one control
// group and one namespace of pods, and is gone afterwards: the next run removes
// what a killed one left. Pods, control groups, firewall and kernel settings of
// the host stay as they are. A kubelet cannot be kept from the host's folder of
// device plugins, nor one before 1.30 from its pod logs: on a host that is a node
// a run refuses with a [*NodeError].
package testnode
