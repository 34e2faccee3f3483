package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
	"github.com/steadylet/steadylet/magefiles/internal/gosum"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
)

// Published is where the module cache has a tag's sources. They are to be read only.
type Published struct {
	Entry lock.Entry
	// Root is the folder of the root module.
	Root string
	// Staging are the folders of those staging modules that were asked for, by module
	// path ("k8s.io/client-go").
	Staging map[string]string
	// Unavailable says why a staging module is not in Staging, by module path.
	Unavailable map[string]error
}

// Wanted is what Publications shall fetch of one tag.
type Wanted struct {
	Entry lock.Entry
	// Staging are module paths.
	Staging []string
}

// Publications brings root modules into the module cache, each with some of its staging
// modules, and holds each against its sum in the lock. A root module that can't be had
// is an error, a staging module that can't is noted. The go command is run once, is not
// asked for what the lock has no sum of, and needs no network for what is in the cache.
func (f Fetcher) Publications(ctx context.Context, wanted []Wanted) ([]*Published, error) {
	var modules []string
	for _, want := range wanted {
		modules = append(modules, want.modules()...)
	}
	if len(modules) == 0 {
		return nil, nil
	}
	downloaded, err := f.download(ctx, runtime.Version(), nil, modules...)
	if err != nil {
		return nil, err
	}
	var published []*Published
	for _, want := range wanted {
		count := len(want.modules())
		found, err := want.publication(downloaded[:count])
		if err != nil {
			return nil, err
		}
		downloaded = downloaded[count:]
		published = append(published, found)
	}
	return published, nil
}

// modules are the root module, and those staging modules that the lock has a sum of.
func (w Wanted) modules() []string {
	modules := []string{rootModule + "@" + w.Entry.Version.String()}
	for _, path := range w.Staging {
		if w.sum(path) != "" {
			modules = append(modules, path+"@"+w.Entry.Version.StagingModule())
		}
	}
	return modules
}

func (w Wanted) sum(path string) string {
	return gosum.Lookup(w.Entry.GoSum, path, w.Entry.Version.StagingModule())
}

// publication checks what was downloaded of one tag, in the order of modules.
func (w Wanted) publication(downloaded []downloadedModule) (*Published, error) {
	root := downloaded[0]
	if err := root.unavailable(); err != nil {
		return nil, err
	}
	if want := w.Entry.RootSum(); root.Sum != want {
		return nil, &MismatchError{What: "module " + rootModule + "@" + w.Entry.Version.String(), Want: want, Got: root.Sum}
	}
	found := &Published{Entry: w.Entry, Root: root.Dir, Staging: map[string]string{}, Unavailable: map[string]error{}}
	for _, path := range w.Staging {
		if w.sum(path) == "" {
			found.Unavailable[path] = fmt.Errorf("%w: no sum is known of %s@%s", ErrNotPublished, path, w.Entry.Version.StagingModule())
		}
	}
	for _, module := range downloaded[1:] {
		if err := module.unavailable(); err != nil {
			found.Unavailable[module.Path] = err
			continue
		}
		if want := w.sum(module.Path); module.Sum != want {
			return nil, &MismatchError{What: "module " + module.Path + "@" + module.Version, Want: want, Got: module.Sum}
		}
		found.Staging[module.Path] = module.Dir
	}
	return found, nil
}

// WriteTestModule fills dir with a module in which the tests of a published release run:
// the release's own requirements, and its staging modules as they were published. With
// root, an absolute path, the root module is taken from that folder instead of the
// module cache.
func (f Fetcher) WriteTestModule(published *Published, root, dir string) error {
	if published.Entry.RootOnly {
		return fmt.Errorf("%w: the staging modules of %s are not published", ErrNotPublished, published.Entry.Version)
	}
	module, err := readBuildModule(downloadedModule{Dir: published.Root}, Request{Version: published.Entry.Version, Entry: published.Entry})
	if err != nil {
		return err
	}
	goMod := module.GoMod
	if root != "" {
		goMod = fmt.Appendf(goMod, "\nreplace %s => %q\n", rootModule, root)
	}
	for name, data := range map[string][]byte{"go.mod": goMod, "go.sum": module.GoSum, "build.go": module.Source} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return fmt.Errorf("writing the test module: %w", err)
		}
	}
	return nil
}

// Versions lists the versions of the root module that the module proxy knows of.
func (f Fetcher) Versions(ctx context.Context) ([]string, error) {
	g := gocommand.Go{Toolchain: runtime.Version(), Environment: f.Environment}
	out, err := g.Output(ctx, gocommand.Call{Args: []string{"list", "-m", "-versions", rootModule}, Dir: "/", Set: []string{"GOFLAGS=-mod=mod"}})
	if err != nil {
		return nil, fmt.Errorf("listing the versions of %s: %w", rootModule, err)
	}
	fields := strings.Fields(string(out)) // the first is the module's path
	if len(fields) < 2 {
		return nil, fmt.Errorf("listing the versions of %s: the module proxy names none: look at `go env GOPROXY`", rootModule)
	}
	return fields[1:], nil
}
