package source

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/steadylet/steadylet/magefiles/internal/gosum"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// buildModulePath names the generated module. It is never published.
const buildModulePath = "steadylet.local/build"

// rootModule is the module path of the Kubernetes repository.
const rootModule = "k8s.io/kubernetes"

// mainPackages are the programs that a build module can build, by import path.
var mainPackages = [...]string{
	"k8s.io/kubernetes/cmd/kube-apiserver",
	"k8s.io/kubernetes/cmd/kubeadm",
	"k8s.io/kubernetes/cmd/kubectl",
	"k8s.io/kubernetes/cmd/kubelet",
}

// buildModule is the text of a module that depends on one Kubernetes release
// and vendors what its programs need.
type buildModule struct {
	GoMod, GoSum, Source []byte
}

// newBuildModule derives a build module from the release's own go.mod and
// go.sum. Every requirement of the release is repeated, so that the go command
// has nothing to resolve: the dependencies are the release's, to the version.
// lockedSums are the lines of go.sum that the release's own lacks: its own, and
// its staging modules'.
func newBuildModule(goMod, goSum []byte, version kubever.Version, lockedSums string) (*buildModule, error) {
	upstream, err := parseUpstream(goMod)
	if err != nil {
		return nil, err
	}
	text, err := buildGoMod(upstream, version, lockedSums)
	if err != nil {
		return nil, fmt.Errorf("generating the build module: %w", err)
	}
	sums := append(bytes.Clone(goSum), []byte(strings.TrimSpace(lockedSums)+"\n")...)
	return &buildModule{GoMod: text, GoSum: sums, Source: buildSource()}, nil
}

func parseUpstream(goMod []byte) (*modfile.File, error) {
	upstream, err := modfile.Parse("go.mod", goMod, nil)
	if err != nil {
		return nil, fmt.Errorf("reading the release's go.mod: %w", err)
	}
	if upstream.Module == nil || upstream.Module.Mod.Path != rootModule || upstream.Go == nil {
		return nil, errors.New("reading the release's go.mod: it is not that of " + rootModule)
	}
	return upstream, nil
}

// isStaging reports whether upstream replaces a module by a folder of its own.
func isStaging(replace *modfile.Replace) bool {
	return strings.HasPrefix(replace.New.Path, "./staging/src/")
}

// requiredStaging returns the staging modules that the release requires. Those
// that it only replaces are samples that nothing imports.
func requiredStaging(goMod []byte) ([]string, error) {
	upstream, err := parseUpstream(goMod)
	if err != nil {
		return nil, err
	}
	required := map[string]bool{}
	for _, require := range upstream.Require {
		required[require.Mod.Path] = true
	}
	var staging []string
	for _, replace := range upstream.Replace {
		if isStaging(replace) && required[replace.Old.Path] {
			staging = append(staging, replace.Old.Path)
		}
	}
	return staging, nil
}

// buildGoMod generates the build module's go.mod. A staging module that the lock
// has no sum of is left out: where a program needs it, vendoring fails and says so.
func buildGoMod(upstream *modfile.File, version kubever.Version, lockedSums string) ([]byte, error) {
	staging := map[string]bool{}
	for _, replace := range upstream.Replace {
		if isStaging(replace) {
			staging[replace.Old.Path] = true
		}
	}
	locked := func(path string) bool {
		return gosum.Lookup(lockedSums, path, version.StagingModule()) != ""
	}
	file := new(modfile.File)
	if err := file.AddModuleStmt(buildModulePath); err != nil {
		return nil, err
	}
	if err := file.AddGoStmt(upstream.Go.Version); err != nil {
		return nil, err
	}
	// Upstream's own defaults for GODEBUG belong to the main module, which here
	// is ours: without them the binaries would behave otherwise.
	for _, setting := range upstream.Godebug {
		if err := file.AddGodebug(setting.Key, setting.Value); err != nil {
			return nil, err
		}
	}
	file.AddNewRequire(rootModule, version.String(), false)
	for _, require := range upstream.Require {
		path, wanted := require.Mod.Path, require.Mod.Version
		if staging[path] {
			wanted = version.StagingModule()
		}
		if !staging[path] || locked(path) {
			file.AddNewRequire(path, wanted, require.Indirect)
		}
	}
	for _, exclude := range upstream.Exclude {
		if err := file.AddExclude(exclude.Mod.Path, exclude.Mod.Version); err != nil {
			return nil, err
		}
	}
	for _, replace := range upstream.Replace {
		target := replace.New
		if staging[replace.Old.Path] {
			target.Path, target.Version = replace.Old.Path, version.StagingModule()
			if !locked(replace.Old.Path) {
				continue
			}
		}
		if err := file.AddReplace(replace.Old.Path, replace.Old.Version, target.Path, target.Version); err != nil {
			return nil, err
		}
	}
	file.Cleanup()
	return file.Format()
}

// buildSource imports the programs, which is what makes the go command vendor
// them. The build tag keeps the file from being compiled: programs can't be
// imported.
func buildSource() []byte {
	var text bytes.Buffer
	text.WriteString("//go:build steadylet_vendor\n\n// Package build makes the go command vendor what Kubernetes' programs need.\npackage build\n\nimport (\n")
	for _, path := range mainPackages {
		fmt.Fprintf(&text, "\t_ %q\n", path)
	}
	text.WriteString(")\n")
	return text.Bytes()
}
