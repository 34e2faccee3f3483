// Command kubernetes stands in for a kubelet that a debugger attaches to. It
// compares a container with its spec again and again, unless it has an argument,
// and counts on its standard output.
package main

import (
	"fmt"
	"os"
	"time"

	"k8s.io/kubernetes/pkg/kubelet/kuberuntime"
)

func main() {
	for i := uint64(0); ; i++ {
		changed := false
		if idle := len(os.Args) > 1; !idle {
			changed = kuberuntime.Sync(i)
		}
		fmt.Println(i, changed)
		time.Sleep(20 * time.Millisecond)
	}
}
