// A program that is no kubelet, whatever its file is called. Asked for its version, it
// leaves a file beside itself that says it ran; else it stays until its input ends.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) < 2 || os.Args[1] != "--version" {
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	program, err := os.Executable()
	if err == nil {
		err = os.WriteFile(filepath.Join(filepath.Dir(program), "ran"), nil, 0o600)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("Kubernetes v1.30.14")
}
