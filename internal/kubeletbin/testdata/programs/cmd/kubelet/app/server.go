// Package app has the function that every kubelet links in.
package app

import (
	"os"
	"path/filepath"
)

// NewKubeletCommand says a version, and leaves a file beside the program that says it ran.
func NewKubeletCommand() {
	program, err := os.Executable()
	if err == nil {
		err = os.WriteFile(filepath.Join(filepath.Dir(program), "ran"), nil, 0o600)
	}
	if err == nil {
		_, err = os.Stdout.WriteString("Kubernetes v1.20.2\n")
	}
	if err != nil {
		panic(err)
	}
}
