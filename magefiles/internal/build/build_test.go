package build

import (
	"slices"
	"strings"
	"testing"
)

func TestTagsAreUpstreams(t *testing.T) {
	for name, test := range map[string]struct {
		minor int
		mode  Mode
		want  string
	}{
		"old release":                   {20, Release, "-tags=selinux,notest"},
		"old debug":                     {20, Debug, "-tags=selinux,notest"},
		"last release with gRPC traces": {33, Release, "-tags=selinux,notest"},
		"first release without":         {34, Release, "-tags=selinux,notest,grpcnotrace"},
		"debug keeps them":              {36, Debug, "-tags=selinux,notest"},
	} {
		t.Run(name, func(t *testing.T) {
			tree := Tree{Stamp: Stamp{Major: 1, Minor: test.minor}}
			options := Options{Component: "kubelet", Arch: "amd64", Mode: test.mode}
			for command, args := range map[string][]string{
				"build": arguments(options, tree, nil, "kubelet"),
				"list":  listArguments(options, tree),
			} {
				at := slices.Index(args, test.want)
				if at < 0 || at > slices.Index(args, packagePath(options)) {
					t.Errorf("go %s %q: want %s before the package", command, args, test.want)
				}
			}
		})
	}
}

// Only the tag's own tree is called clean.
func TestTreeState(t *testing.T) {
	for state, verified := range map[string]bool{"clean": true, "dirty": false} {
		flags := strings.Fields(Stamp{Version: "v1.36.3", Verified: verified}.linkerFlags())
		if want := "-X=k8s.io/component-base/version.gitTreeState=" + state; !slices.Contains(flags, want) {
			t.Errorf("verified %t: no %s in %q", verified, want, flags)
		}
	}
}

// What decides a binary decides its key.
func TestKey(t *testing.T) {
	options := Options{Component: "kubelet", Arch: "amd64", Mode: Release}
	tree := Tree{Dir: "/a", ID: "0123", Toolchain: "go1.26.5", Stamp: Stamp{Version: "v1.36.3", Commit: "89ab", Major: 1, Minor: 36}}
	key := Key(tree, options)
	for name, change := range map[string]func(*Tree, *Options){
		"tree":      func(tree *Tree, _ *Options) { tree.ID = "4567" },
		"toolchain": func(tree *Tree, _ *Options) { tree.Toolchain = "go1.26.6" },
		"version":   func(tree *Tree, _ *Options) { tree.Stamp.Version = "v1.36.4" },
		"verified":  func(tree *Tree, _ *Options) { tree.Stamp.Verified = true },
		"variable": func(tree *Tree, _ *Options) {
			tree.Stamp.Variables = []Variable{{Package: "k8s.io/client-go/util/cert", Name: "caYears", Value: "30"}}
		},
		"component": func(_ *Tree, options *Options) { options.Component = "kubeadm" },
		"mode":      func(_ *Tree, options *Options) { options.Mode = Debug },
		"cgo":       func(_ *Tree, options *Options) { options.CGO = true },
	} {
		t.Run(name, func(t *testing.T) {
			tree, options := tree, options
			change(&tree, &options)
			if Key(tree, options) == key {
				t.Error("the key is the same")
			}
		})
	}
	tree.Dir = "/b"
	if Key(tree, options) != key {
		t.Error("a release build's key depends on where the tree lies")
	}
}
