// Package upgrade is the rig: it upgrades a real kubelet in place, on a real
// one-node cluster, and counts which containers were replaced.
//
// The cluster is etcd, kube-apiserver, containerd and one kubelet after the other,
// on loopback, in the folder of a [testnode.Node], which also says how the host is
// left. A container counts as replaced when containerd has a new one under the same
// pod and name; what the kubelet says of itself is not trusted. It is counted stage by
// stage, each the start of a kubelet or what happens under it, and every container runs the
// image that its pod asks for in the end, by digest.
//
// A kubelet that does nothing keeps everything. So each has to have looked at every pod, by
// its log, and read every edit, before a stage ends; and a patched one has to have said why
// it kept what a stock one would have replaced, by the step that was forecast.
//
// A run fails on a container that was replaced without need, and on an edit that
// replaced none, or replaced in another stage than its own. It fails too on a static pod
// that was kept and whose mirror on the API server was not. A run of stock kubelets is the
// control: it must show the restarts that stock kubelets are known for, or the rig proves
// nothing.
package upgrade
