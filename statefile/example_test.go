package statefile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/steadylet/steadylet/statefile"
)

// A record outlives its kubelet: the next one, of another version, knows since when which
// version ran, and so under which one a container was created.
func ExampleSave() {
	root, err := os.MkdirTemp("", "kubelet")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(root)
	path := statefile.Path(root)
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		panic(err)
	}
	monday := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	old := statefile.State{}.Started("v1.30.14", monday)
	if err := statefile.Save(path, old); err != nil {
		panic(err)
	}
	loaded, err := statefile.Load(path)
	if err != nil {
		panic(err)
	}
	now := loaded.Started("v1.31.0", monday.Add(24*time.Hour))
	fmt.Println(now.Kubelet.Version, now.CreatedUnder(monday.Add(time.Hour)))
	// Output: v1.31.0 v1.30.14
}

// A kubelet 1.30 has fields in a container's spec that one of 1.20 did not hash. One of the
// variants is the text that the old one hashed.
func ExampleVariants() {
	spec := []byte(`{"name":"app","image":"app:v1","resources":{},"restartPolicy":"Always"}`)
	for _, variant := range statefile.Variants(spec, 20) {
		fmt.Printf("%d %s\n", statefile.HashSpec(variant), variant)
	}
	// Output: 3469552209 {"name":"app","image":"app:v1","resources":{}}
}

// From 1.31 on the hash covers image and name alone.
func ExampleHashImageAndName() {
	fmt.Println(statefile.HashImageAndName("registry.example/app:v1", "app"))
	fmt.Println(statefile.HashImageAndName("registry.example/app:v2", "app"))
	// Output:
	// 7924334
	// 4007947332
}
