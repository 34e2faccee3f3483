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
// is an error, a staging module that can't is noted. The go command is run once, and
// what is in the cache already needs no network.
func (f Fetcher) Publications(ctx context.Context, wanted []Wanted) ([]*Published, error) {
	var modules []string
	for _, want := range wanted {
		modules = append(modules, rootModule+"@"+want.Entry.Version.String())
		for _, path := range want.Staging {
			modules = append(modules, path+"@"+want.Entry.Version.StagingModule())
		}
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
		found, err := want.publication(downloaded[:1+len(want.Staging)])
		if err != nil {
			return nil, err
		}
		downloaded = downloaded[1+len(want.Staging):]
		published = append(published, found)
	}
	return published, nil
}

// publication checks what was downloaded of one tag: the root module, then the rest.
func (w Wanted) publication(downloaded []downloadedModule) (*Published, error) {
	root := downloaded[0]
	if root.Error != "" {
		return nil, fmt.Errorf("%w: downloading %s@%s: %s", ErrUnavailable, rootModule, w.Entry.Version, root.Error)
	}
	if want := w.Entry.RootSum(); root.Sum != want {
		return nil, &MismatchError{What: "module " + rootModule + "@" + w.Entry.Version.String(), Want: want, Got: root.Sum}
	}
	found := &Published{Entry: w.Entry, Root: root.Dir, Staging: map[string]string{}, Unavailable: map[string]error{}}
	for i, path := range w.Staging {
		module := downloaded[i+1]
		name := path + "@" + w.Entry.Version.StagingModule()
		switch want := gosum.Lookup(w.Entry.GoSum, path, w.Entry.Version.StagingModule()); {
		case module.Error != "":
			found.Unavailable[path] = fmt.Errorf("%w: downloading %s: %s", ErrUnavailable, name, module.Error)
		case want == "":
			found.Unavailable[path] = fmt.Errorf("%w: the lock has no sum of %s", ErrUnavailable, name)
		case module.Sum != want:
			return nil, &MismatchError{What: "module " + name, Want: want, Got: module.Sum}
		default:
			found.Staging[path] = module.Dir
		}
	}
	return found, nil
}

// WriteTestModule fills dir with a module in which the tests of a published release run:
// the release's own requirements, and its staging modules as they were published. With
// root, an absolute path, the root module is taken from that folder instead of the
// module cache.
func (f Fetcher) WriteTestModule(published *Published, root, dir string) error {
	if published.Entry.RootOnly {
		return fmt.Errorf("%w: the staging modules of %s can't be had", ErrUnavailable, published.Entry.Version)
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
	fields := strings.Fields(string(out))
	return fields[min(1, len(fields)):], nil // the first is the module's path
}
