package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
)

// downloadedModule is what `go mod download -json` says of one module
// (go help mod download).
type downloadedModule struct {
	Path, Version, Error string
	Info, GoMod, Dir     string
	Sum, GoModSum        string
	Origin               *struct{ Hash string }
}

// fetchModule fills dir with a build module of the release and vendors it. The
// go command checks every module against the sums, so that whatever it leaves
// in dir is what the checksum database and the release's go.sum vouch for.
func (f Fetcher) fetchModule(ctx context.Context, request Request, dir string) (Origin, error) {
	if request.Entry.RootOnly {
		return Origin{}, fmt.Errorf("%w: the staging modules of %s are not published: use -source=git or -source=archive",
			ErrNotPublished, request.Version)
	}
	step := f.Progress.Step("download", progress.Files)
	defer step.Abort()
	root, err := f.downloadRoot(ctx, request.Version, request.Entry)
	if err != nil {
		return Origin{}, err
	}
	module, err := readBuildModule(root, request)
	if err != nil {
		return Origin{}, err
	}
	for name, data := range map[string][]byte{"go.mod": module.GoMod, "go.sum": module.GoSum, "build.go": module.Source} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return Origin{}, fmt.Errorf("writing the build module: %w", err)
		}
	}
	// -mod=mod would let the go command change go.mod; readonly makes it refuse.
	err = f.goCommand(request.Entry).Run(ctx, gocommand.Call{
		Args: []string{"mod", "vendor"}, Dir: dir, Set: []string{"GOFLAGS=-mod=readonly"},
		Stderr: downloads(step),
	})
	if err != nil {
		return Origin{}, fmt.Errorf("vendoring Kubernetes %s: %w", request.Version, err)
	}
	step.Done("module sums verified")
	proof := rootModule + " and its staging modules have the sums in the lock, which the Go checksum database signed"
	if unsigned := request.Entry.Unsigned; len(unsigned) > 0 {
		proof += "; those of " + strings.Join(unsigned, ", ") + " were not signed when the tag was locked"
	}
	return Origin{
		Kind: Module, Location: rootModule + "@" + request.Version.String(), RootSum: root.Sum, Verified: true,
		Proofs: []string{proof},
	}, nil
}

func readBuildModule(root downloadedModule, request Request) (*buildModule, error) {
	goMod, err := os.ReadFile(filepath.Join(root.Dir, "go.mod"))
	if err != nil {
		return nil, fmt.Errorf("reading the release's go.mod: %w", err)
	}
	goSum, err := os.ReadFile(filepath.Join(root.Dir, "go.sum"))
	if err != nil {
		return nil, fmt.Errorf("reading the release's go.sum: %w", err)
	}
	return newBuildModule(goMod, goSum, request.Version, request.Entry.GoSum)
}

// downloadRoot fetches the root module and compares its sum with the lock's.
func (f Fetcher) downloadRoot(ctx context.Context, version kubever.Version, entry lock.Entry) (downloadedModule, error) {
	root, err := f.downloadOne(ctx, entry.Toolchain, rootModule+"@"+version.String())
	if err != nil {
		return downloadedModule{}, err
	}
	if want := entry.RootSum(); root.Sum != want {
		return downloadedModule{}, &MismatchError{
			What: "module " + rootModule + "@" + version.String(), Want: want, Got: root.Sum,
		}
	}
	return root, nil
}

func (f Fetcher) downloadOne(ctx context.Context, toolchain, module string) (downloadedModule, error) {
	modules, err := f.download(ctx, toolchain, nil, module)
	if err != nil {
		return downloadedModule{}, err
	}
	return modules[0], modules[0].unavailable()
}

// unavailable says why a module can't be had, or nothing.
func (m downloadedModule) unavailable() error {
	switch {
	case m.Error == "":
		return nil
	case gocommand.NoSuchVersion(m.Error):
		return fmt.Errorf("%w: downloading %s@%s: %s", ErrNotPublished, m.Path, m.Version, m.Error)
	}
	return fmt.Errorf("%w: downloading %s@%s: %s", ErrUnavailable, m.Path, m.Version, m.Error)
}

// download fetches modules into the module cache and returns what there is to
// know of each, in order. A module that can't be had is returned with its Error.
func (f Fetcher) download(ctx context.Context, toolchain string, set []string, modules ...string) ([]downloadedModule, error) {
	// A module of its own, or the go command would look at the go.mod of whatever lies
	// around the folder for temporary files.
	dir, err := os.MkdirTemp("", "steadylet-download-")
	if err != nil {
		return nil, fmt.Errorf("downloading modules: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module download\n"), 0o600); err != nil {
		return nil, fmt.Errorf("downloading modules: %w", err)
	}
	g := gocommand.Go{Toolchain: toolchain, Environment: f.Environment}
	out, err := g.Output(ctx, gocommand.Call{
		Args: append([]string{"mod", "download", "-json"}, modules...), Dir: dir, Set: append([]string{"GOFLAGS=-mod=mod"}, set...),
	})
	var downloaded []downloadedModule
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for decoder.More() {
		var module downloadedModule
		if decodeErr := decoder.Decode(&module); decodeErr != nil {
			return nil, errors.Join(fmt.Errorf("downloading modules: reading the go command's answer: %w", decodeErr), err)
		}
		downloaded = append(downloaded, module)
	}
	// The go command exits with 1 where it could not have some of the modules.
	if len(downloaded) != len(modules) {
		return nil, errors.Join(fmt.Errorf("downloading modules: asked the go command for %d, it answered with %d",
			len(modules), len(downloaded)), err)
	}
	return downloaded, nil
}

// downloads counts the modules that a go command says it is downloading.
func downloads(step *progress.Step) *lineCounter {
	return &lineCounter{prefix: "go: downloading ", count: func(n int64) { step.Set(n, 0) }}
}

// lineCounter counts the lines written to it that start with a prefix.
type lineCounter struct {
	prefix string
	count  func(int64)
	rest   string
	lines  int64
}

func (c *lineCounter) Write(p []byte) (int, error) {
	c.rest += string(p)
	for {
		line, rest, found := strings.Cut(c.rest, "\n")
		if !found {
			return len(p), nil
		}
		c.rest = rest
		if strings.HasPrefix(line, c.prefix) {
			c.lines++
			c.count(c.lines)
		}
	}
}
