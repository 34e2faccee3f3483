package source

import (
	"context"
	"fmt"
	"runtime"

	"github.com/steadylet/steadylet/magefiles/internal/gosum"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
)

// Modules fetches the root module of a release and the named staging modules into the
// module cache, and returns the folder of each by its path. It is enough to read
// sources, of a release whose other staging modules can't be had too. Each has the sum
// that the lock has for it: the error is a *MismatchError where it has not, matches
// ErrUnavailable where a module can't be had, and ErrNotPublished where there is none, or
// the lock has no sum for it.
func (f Fetcher) Modules(ctx context.Context, version kubever.Version, entry lock.Entry, staging ...string) (map[string]string, error) {
	step := f.Progress.Step("modules "+version.String(), progress.Packages)
	defer step.Abort()
	wanted := []string{rootModule + "@" + version.String()}
	sums := []string{entry.RootSum()}
	for _, module := range staging {
		sum := gosum.Lookup(entry.GoSum, module, version.StagingModule())
		if sum == "" {
			return nil, fmt.Errorf("%w: the lock has no sum for %s %s", ErrNotPublished, module, version.StagingModule())
		}
		wanted, sums = append(wanted, module+"@"+version.StagingModule()), append(sums, sum)
	}
	downloaded, err := f.download(ctx, runtime.Version(), nil, wanted...)
	if err != nil {
		return nil, err
	}
	dirs := map[string]string{}
	for i, module := range downloaded {
		if err := module.unavailable(); err != nil {
			return nil, err
		}
		if module.Sum != sums[i] {
			return nil, &MismatchError{What: "module " + wanted[i], Want: sums[i], Got: module.Sum}
		}
		dirs[module.Path] = module.Dir
	}
	step.Done("module sums verified")
	return dirs, nil
}
