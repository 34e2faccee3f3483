package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/command"
	"github.com/steadylet/steadylet/magefiles/internal/gittree/gittreetest"
	"github.com/steadylet/steadylet/magefiles/internal/layout"
	"github.com/steadylet/steadylet/magefiles/internal/series"
)

// Checkout compares a shallow checkout of one tag with that of the git program,
// from the same server on loopback.
type Checkout struct {
	Root, Scratch string
	// Repository is a bare repository.
	Repository, Tag string
	Rounds          int
}

// checkoutMemory is what a checkout may need, in MiB: 250 MB.
const checkoutMemory = 238

// Run measures time and memory.
func (c Checkout) Run(ctx context.Context) ([]Figure, error) {
	program := filepath.Join(c.Scratch, "cloneonce")
	compile := command.Command{Args: []string{"go", "build", "-o", program, "./magefiles/internal/gittree/cloneonce"}, Dir: c.Root}
	if err := compile.Run(ctx); err != nil {
		return nil, err
	}
	url, stop, err := gittreetest.Serve(filepath.Dir(c.Repository))
	if err != nil {
		return nil, err
	}
	defer stop() //nolint:errcheck // the measurement is over
	url += "/" + filepath.Base(c.Repository)
	// Each run gets a folder of its own, and none is removed before the last: what
	// a removal leaves to the file system would be counted with the next run.
	ours, theirs, err := pair(ctx, c.Rounds,
		timed{args: []string{program, url, c.Tag}, fresh: c.Scratch},
		timed{args: []string{"git", "-c", "advice.detachedHead=false", "clone", "-q", "--depth=1", "--branch=" + c.Tag, url}, fresh: c.Scratch})
	if err != nil {
		return nil, err
	}
	const against = "`git clone --depth 1 -b TAG`, over HTTP on loopback"
	return []Figure{
		{What: "shallow checkout of the 1.20.2 tree", Against: against, Ours: ours.Wall, Theirs: theirs.Wall, Unit: "s", Bound: 3},
		{What: "its peak memory", Against: "none", Ours: ours.Memory, Unit: "MiB", Limit: checkoutMemory, Absolute: true},
	}, nil
}

// Apply compares the application of a series with git apply of the same patches.
type Apply struct {
	// Patches is the folder with the series, Tree a pristine tree.
	Patches, Tree, Scratch string
	Layout                 layout.Layout
	Selected               []*series.Patch
	Rounds                 int
}

// Run measures reading, applying and writing.
func (a Apply) Run(ctx context.Context) (Figure, error) {
	var ours, theirs []Usage
	for range a.Rounds {
		mine, err := a.timeOurs()
		if err != nil {
			return Figure{}, err
		}
		other, err := a.timeGit(ctx)
		if err != nil {
			return Figure{}, err
		}
		ours, theirs = append(ours, mine), append(theirs, other)
	}
	return Figure{
		What: "applying the series", Against: "`git apply` of the same patches",
		Ours: median(ours).Wall * 1000, Theirs: median(theirs).Wall * 1000, Unit: "ms", Bound: 1,
	}, nil
}

// prepare copies the files that the patches change to an empty folder.
func (a Apply) prepare() (string, error) {
	dir, err := os.MkdirTemp(a.Scratch, "apply-")
	if err != nil {
		return "", err
	}
	for _, patch := range a.Selected {
		for _, file := range patch.Files {
			if file.IsNew {
				continue
			}
			if err := copyAll(filepath.Join(a.Tree, a.Layout.Path(file.OldName)), filepath.Join(dir, file.OldName)); err != nil {
				return "", err
			}
		}
	}
	return dir, nil
}

func (a Apply) timeOurs() (Usage, error) {
	dir, err := a.prepare()
	if err != nil {
		return Usage{}, err
	}
	runtime.GC() // What the rounds before left behind is not this one's.
	start := time.Now()
	loaded, err := series.Load(os.DirFS(filepath.Dir(a.Patches)), filepath.Base(a.Patches))
	if err != nil {
		return Usage{}, err
	}
	result, err := series.Apply(series.FromFS(os.DirFS(dir)), a.same(loaded))
	if err != nil {
		return Usage{}, err
	}
	for _, applied := range result.Patches {
		for _, change := range applied.Changes {
			path := filepath.Join(dir, change.Path)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, change.Data, 0o644)); err != nil {
				return Usage{}, err
			}
		}
	}
	return Usage{Wall: time.Since(start).Seconds()}, nil
}

// same picks the selected patches from a series that was read again.
func (a Apply) same(loaded *series.Series) []*series.Patch {
	var patches []*series.Patch
	for _, entry := range loaded.Entries {
		for _, selected := range a.Selected {
			if entry.Patch.File == selected.File {
				patches = append(patches, entry.Patch)
			}
		}
	}
	return patches
}

func (a Apply) timeGit(ctx context.Context) (Usage, error) {
	dir, err := a.prepare()
	if err != nil {
		return Usage{}, err
	}
	args := []string{"git", "apply"}
	for _, patch := range a.Selected {
		args = append(args, filepath.Join(a.Patches, patch.File))
	}
	usage, err := timed{args: args, dir: dir, env: []string{"GIT_CEILING_DIRECTORIES=" + filepath.Dir(dir)}}.run(ctx)
	if err != nil {
		return Usage{}, err
	}
	if changed, err := os.ReadFile(filepath.Join(dir, "cmd/kubelet/app/server.go")); err != nil || !strings.Contains(string(changed), "steadylet.Start") {
		return Usage{}, fmt.Errorf("git apply did not apply the patches: %v", err)
	}
	return usage, nil
}
