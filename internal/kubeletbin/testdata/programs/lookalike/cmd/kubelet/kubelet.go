// A program whose source file is called like the kubelet's.
package main

import (
	"os"
	"path/filepath"
)

func main() {
	program, err := os.Executable()
	if err == nil {
		err = os.WriteFile(filepath.Join(filepath.Dir(program), "ran"), nil, 0o600)
	}
	if err != nil {
		panic(err)
	}
}
