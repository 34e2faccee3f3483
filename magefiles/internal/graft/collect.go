package graft

import (
	"errors"
	"fmt"
	"go/build"
	"io"
	"io/fs"
	"path"
	"strings"
)

// errNoSource says that a folder which must be a package holds none.
var errNoSource = errors.New("it holds no Go source that is built on Linux")

// collect returns the sources of fsys as files below folder, with their imports
// rewritten. With deep, folders below the root are taken too.
func collect(fsys fs.FS, folder string, deep bool) ([]Change, error) {
	var files []Change
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if name != "." && (!deep || ignoredByGo(entry.Name())) {
				return fs.SkipDir
			}
			return nil
		case !isSource(name) || ignoredByGo(entry.Name()):
			return nil
		case !entry.Type().IsRegular():
			return fmt.Errorf("%s is not a plain file", name)
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		if built, err := builtOnLinux(name, data); err != nil || !built {
			return err
		}
		rewritten, err := rewriteImports(name, data)
		if err != nil {
			return err
		}
		files = append(files, Change{Path: path.Join(folder, name), Data: rewritten})
		return nil
	})
	if err == nil && len(files) == 0 {
		err = errNoSource
	}
	return files, err
}

func isSource(name string) bool {
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
}

// ignoredByGo reports whether the go command ignores a file or folder for its
// name.
func ignoredByGo(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata"
}

// architectures are the ones that Kubernetes releases kubelets for, and 386,
// which it once did.
var architectures = [...]string{"amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64"}

// kubeletTag is the build tag of a kubelet: what is built without it only is for other
// programs, and left out of the tree.
const kubeletTag = "kubelet"

// builtOnLinux reports whether some architecture and some Go release builds the
// file into a kubelet: by its name, and by its build constraints.
func builtOnLinux(name string, data []byte) (bool, error) {
	// Constraints speak of releases ("go1.21"); a file may be for those before.
	for _, releases := range [][]string{build.Default.ReleaseTags, nil} {
		for _, architecture := range architectures {
			target := build.Context{
				GOOS: "linux", GOARCH: architecture, Compiler: "gc", ReleaseTags: releases, BuildTags: []string{kubeletTag},
				OpenFile: func(string) (io.ReadCloser, error) {
					return io.NopCloser(strings.NewReader(string(data))), nil
				},
			}
			built, err := target.MatchFile(path.Dir(name), path.Base(name))
			if err != nil {
				return false, fmt.Errorf("reading the build constraints of %s: %w", name, err)
			}
			if built {
				return true, nil
			}
		}
	}
	return false, nil
}
