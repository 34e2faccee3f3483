// Package certs says what certificates a node has: how long each is valid, whether its
// key is the one beside it, and whether its authority signed it.
//
// # Guarantee
//
// Nothing is written, and private keys are read only to compare their public half.
// Neither a report nor an error holds anything of a key, or of a file that might have
// one in it.
//
// What lies where is kubeadm's (cmd/kubeadm/app/constants/constants.go), and the
// kubelet's (pkg/kubelet/certificate and client-go/util/certificate).
package certs
