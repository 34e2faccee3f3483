// A program that has a kubelet in it among others.
package main

import "k8s.io/kubernetes/cmd/kubelet/app"

func main() { app.NewKubeletCommand() }
