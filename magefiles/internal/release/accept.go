package release

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/manifest"
)

// ErrUnfit is matched by the error for a kubelet that must not be released.
var ErrUnfit = errors.New("not fit for a release")

// UnfitError names a kubelet and everything that speaks against it. It is ErrUnfit.
type UnfitError struct {
	Path    string
	Reasons []string
}

func (e *UnfitError) Error() string {
	return fmt.Sprintf("%s is %v:\n  %s", e.Path, ErrUnfit, strings.Join(e.Reasons, "\n  "))
}

// Is makes errors.Is(err, ErrUnfit) hold.
func (e *UnfitError) Is(target error) bool { return target == ErrUnfit }

// input is one kubelet that passed, and the node command for it.
type input struct {
	Kubelet
	manifest manifest.Manifest
	// kubelet and node are what the binaries say they were built from.
	kubeletInfo, nodeInfo *debug.BuildInfo
	nodeFile              manifest.File
}

// read looks at a kubelet, its manifest, its symbols and the node command.
func (k Kubelet) read() (input, error) {
	described, err := manifest.Read(k.Path + ".manifest.json")
	if err != nil {
		return input{}, err
	}
	reasons := Unfit(described)
	for path, want := range k.files(described) {
		digest, _, err := build.Digest(path)
		if err != nil {
			return input{}, err
		}
		if digest != want {
			reasons = append(reasons, fmt.Sprintf("the SHA-256 of %s is %s, its manifest says %s: remove it and build it again", path, digest, want))
		}
	}
	if len(reasons) > 0 {
		return input{}, &UnfitError{Path: k.Path, Reasons: reasons}
	}
	checked := input{Kubelet: k, manifest: described.Portable()}
	if checked.kubeletInfo, err = buildinfo.ReadFile(k.Path); err != nil {
		return input{}, fmt.Errorf("reading what the kubelet was built from: %w", err)
	}
	if checked.nodeInfo, err = buildinfo.ReadFile(k.NodeCommand); err != nil {
		return input{}, fmt.Errorf("reading what the node command was built from: %w", err)
	}
	checked.nodeFile, err = describe(k.NodeCommand)
	return checked, err
}

// files has the digests that a kubelet and its symbols must have.
func (k Kubelet) files(described manifest.Manifest) map[string]string {
	wanted := map[string]string{k.Path: described.Binary.SHA256}
	if described.Debug != nil {
		wanted[k.debugPath()] = described.Debug.SHA256
	}
	return wanted
}

// Unfit lists what speaks against releasing the binary of a manifest.
func Unfit(m manifest.Manifest) []string {
	var reasons []string
	against := func(is bool, format string, args ...any) {
		if is {
			reasons = append(reasons, fmt.Sprintf(format, args...))
		}
	}
	against(m.Component != "kubelet", "it is %s, not kubelet", m.Component)
	against(m.Build.Mode != build.Release, "it is a %s build: build it with -mode=release", m.Build.Mode)
	against(m.Series.Digest == "", "it is a stock build, without the series: use the distribution's kubelet")
	against(!m.Base.Source.Verified, "nothing vouches for its source (%s): take -source=module, git or archive", m.Base.Source.Kind)
	against(m.Series.Untested, "the series is not made for %s, or is not what its lock recorded: give it a range in series.yaml, prove it, and record it with `go tool mage lock`", m.Base.Tag)
	against(m.Debug == nil, "it has no file with debug symbols")
	against(m.Build.CGO, "it is linked with C code, and needs the C library of the host that built it")
	return reasons
}
