// A program whose main function is where that of a kubelet is.
package main

import "k8s.io/kubernetes/cmd/kubelet/app"

func main() { app.NewKubeletCommand() }
