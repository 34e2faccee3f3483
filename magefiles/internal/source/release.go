package source

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/mod/module"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/layout"
)

// Vendored says which Kubernetes release a tree vendors.
type Vendored struct {
	Version kubever.Version
	// Line is that of vendor/modules.txt.
	Line string
}

// modulesFile is where the go command writes what it vendored.
const modulesFile = "vendor/modules.txt"

// ReadVendored returns which Kubernetes release a folder vendors. Where its
// vendor/modules.txt does not say it, or is not there, the error is fs.ErrNotExist.
func ReadVendored(dir string) (Vendored, error) {
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(modulesFile)))
	if err != nil {
		return Vendored{}, err
	}
	for line := range strings.Lines(string(data)) {
		text, found := strings.CutPrefix(strings.TrimSpace(line), "# "+rootModule+" ")
		if !found {
			continue
		}
		// "v1.29.6", or "v1.29.6 => github.com/kubeedge/kubernetes v1.29.6-kubeedge1".
		own, replacement, _ := strings.Cut(text, " => ")
		_, fork, _ := strings.Cut(replacement, " ")
		for _, name := range []string{fork, own} {
			if version, ok := upstreamRelease(name); ok {
				return Vendored{Version: version, Line: rootModule + " " + text}, nil
			}
		}
	}
	return Vendored{}, fmt.Errorf("%s names no release of %s: %w", modulesFile, rootModule, fs.ErrNotExist)
}

// prerelease is what Kubernetes' own tags have after the hyphen.
var prerelease = regexp.MustCompile(`^(alpha|beta|rc)\.\d+$`)

// upstreamRelease returns the release that a fork's version is of.
func upstreamRelease(name string) (kubever.Version, bool) {
	if module.IsPseudoVersion(name) {
		name, _ = module.PseudoVersionBase(name) // empty where there is none
	}
	version, err := kubever.Parse(name)
	if err != nil || version.Major == 0 { // v0.0.0 stands for none
		return kubever.Version{}, false
	}
	if !prerelease.MatchString(version.Prerelease) {
		version.Prerelease = ""
	}
	return version, true
}

// Check compares the release that the tree in dir vendors with the wanted one.
func (v Vendored) Check(dir string, wanted kubever.Version) error {
	if v.Version == wanted {
		return nil
	}
	return &MismatchError{
		What: "the Kubernetes that is vendored in " + dir, Want: wanted.String(),
		Got:    fmt.Sprintf("%s (%s: %s)", v.Version, modulesFile, v.Line),
		Remedy: fmt.Sprintf("-version is the release of Kubernetes, not that of the project that vendors it: pass -version=%s", v.Version),
	}
}

// checkRelease holds the release that a tree says it is against the wanted one. A tree
// whose root module has the sum of that release is it.
func (o *Origin) checkRelease(dir string, found layout.Layout, request Request) error {
	switch {
	case found == layout.Upstream && o.RootSum == request.Entry.RootSum():
		return nil
	case found == layout.Upstream:
		return o.checkChangelog(dir, request)
	}
	vendored, err := ReadVendored(dir)
	if errors.Is(err, fs.ErrNotExist) {
		o.notCompared(request, modulesFile)
		return nil
	}
	if err != nil {
		return err
	}
	return vendored.Check(request.Location, request.Version)
}

// notCompared warns that nobody knows which release a tree is.
func (o *Origin) notCompared(request Request, file string) {
	if o.Verified {
		return
	}
	o.Warnings = append(o.Warnings, fmt.Sprintf("%s does not say which Kubernetes release the tree is: that it is %s was not checked", file, request.Version))
}

// checkChangelog is checkRelease by the changelog, which every tag of Kubernetes has.
func (o *Origin) checkChangelog(dir string, request Request) error {
	last, file, err := lastInChangelog(dir)
	if err != nil {
		return err
	}
	if file == "" {
		o.notCompared(request, "CHANGELOG/")
		return nil
	}
	next := releaseAfter(last)
	if wanted := released(request.Version); wanted == next || wanted == released(last) {
		return nil
	}
	return &MismatchError{
		What: "the release of the tree in " + request.Location, Want: request.Version.String(),
		Got:    fmt.Sprintf("%s, or a commit between %s and it: %s ends with %s", next, last, file, last),
		Remedy: fmt.Sprintf("pass the release that the tree was made from, such as -version=%s", next),
	}
}

// releaseAfter returns the release whose tree has a changelog that ends with another one:
// a release gets its part of the changelog after its tag.
func releaseAfter(last kubever.Version) kubever.Version {
	if last.Prerelease != "" {
		return released(last)
	}
	last.Patch++
	return last
}

// released returns the release that a prerelease leads to.
func released(version kubever.Version) kubever.Version {
	version.Prerelease = ""
	return version
}

// lastInChangelog returns the newest release that a tree's changelog has, and the file. A
// tree without one has no file.
func lastInChangelog(dir string) (last kubever.Version, file string, err error) {
	names, err := fs.Glob(os.DirFS(dir), "CHANGELOG/CHANGELOG-1.*.md")
	if err != nil {
		return last, "", err
	}
	for _, name := range names {
		version, err := firstHeading(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return last, "", err
		}
		if version.Compare(last) > 0 {
			last, file = version, name
		}
	}
	return last, file, nil
}

// firstHeading returns the release of the first part of a changelog. Without one it is the
// zero version.
func firstHeading(path string) (kubever.Version, error) {
	opened, err := os.Open(path)
	if err != nil {
		return kubever.Version{}, err
	}
	defer opened.Close()
	lines := bufio.NewScanner(opened)
	for lines.Scan() {
		if name, found := strings.CutPrefix(lines.Text(), "# v"); found {
			if version, err := kubever.Parse(strings.TrimSpace(name)); err == nil {
				return version, nil
			}
		}
	}
	return kubever.Version{}, nil
}
