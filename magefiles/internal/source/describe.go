package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/command"
	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
)

// DescribeOptions say how a tag is described.
type DescribeOptions struct {
	// Toolchain is recorded instead of the one that the tag's .go-version names. Tags
	// before 1.23 have no such file: for them the running one is recorded without it.
	Toolchain string
	// Unsigned also takes staging modules that the checksum database doesn't know:
	// the sum of what the proxy gave is recorded, and marked as unsigned.
	Unsigned bool
}

// Describe makes the lock's entry for a tag from what the module proxy and the
// checksum database say of it. A staging module that is not published, or not signed, is
// left out. A tag whose programs can't be vendored for that becomes root-only. Where
// anything can't be had for another reason, which may pass, nothing is said of the tag:
// the error names the module, and matches ErrUnavailable.
func (f Fetcher) Describe(ctx context.Context, version kubever.Version, options DescribeOptions) (lock.Entry, error) {
	entry, root, err := f.describeRoot(ctx, version)
	if err != nil {
		return lock.Entry{}, err
	}
	entry.RootOnly = false
	if options.Toolchain != "" {
		entry.Toolchain = options.Toolchain
	}
	missing, err := f.describeStaging(ctx, root, &entry, options.Unsigned)
	if err != nil {
		return lock.Entry{}, err
	}
	dir, err := os.MkdirTemp("", "steadylet-describe-")
	if err != nil {
		return lock.Entry{}, fmt.Errorf("trying %s: %w", version, err)
	}
	defer os.RemoveAll(dir)
	_, failed := f.fetchModule(ctx, Request{Version: version, Entry: entry, Kind: Module}, dir)
	if failed == nil {
		return entry, nil
	}
	if err := f.forGood(ctx, failed, entry.Toolchain, missing); err != nil {
		return lock.Entry{}, fmt.Errorf("whether %s can be built is not known: %w", version, err)
	}
	f.Progress.Say("%s is root-only: %v", version, failed)
	entry.RootOnly = true
	return entry, nil
}

// forGood returns nil where a tag's programs could not be vendored for a reason that does
// not pass: a module or the toolchain is not published. missing are the staging modules
// that are known not to be.
func (f Fetcher) forGood(ctx context.Context, failed error, toolchain string, missing []string) error {
	if errors.Is(failed, gocommand.ErrToolchain) {
		// The go command does not say whether it was told so.
		name := fmt.Sprintf("golang.org/toolchain@v0.0.1-%s.%s-%s", toolchain, runtime.GOOS, runtime.GOARCH)
		if _, err := f.downloadOne(ctx, runtime.Version(), name); errors.Is(err, ErrNotPublished) {
			return nil
		}
		return failed
	}
	var said *command.Error
	if ctx.Err() != nil || !errors.As(failed, &said) {
		return failed
	}
	named := func(path string) bool {
		return regexp.MustCompile(`(^|\s)` + regexp.QuoteMeta(path) + `[/@]`).MatchString(said.Stderr)
	}
	if slices.ContainsFunc(missing, named) || gocommand.NoSuchVersion(said.Stderr) {
		return nil
	}
	return failed
}

// DescribeRoot makes an entry with the sums of the root module and of some staging
// modules, by their paths: enough for Publications, not for the lock. A staging module
// that is not published, or not signed, is left out; one that can't be had for another
// reason is an error.
func (f Fetcher) DescribeRoot(ctx context.Context, version kubever.Version, staging []string) (lock.Entry, error) {
	entry, _, err := f.describeRoot(ctx, version)
	if err == nil && len(staging) > 0 {
		_, err = f.addSums(ctx, &entry, staging)
	}
	return entry, err
}

func (f Fetcher) describeRoot(ctx context.Context, version kubever.Version) (lock.Entry, downloadedModule, error) {
	root, err := f.downloadOne(ctx, runtime.Version(), rootModule+"@"+version.String())
	if err != nil {
		return lock.Entry{}, root, err
	}
	entry := lock.Entry{Version: version, Toolchain: runtime.Version(), GoSum: sumLines(root), RootOnly: true}
	if root.Origin != nil {
		entry.Commit = root.Origin.Hash
	}
	if own, err := os.ReadFile(filepath.Join(root.Dir, ".go-version")); err == nil {
		entry.Toolchain = "go" + strings.TrimSpace(string(own))
	}
	entry.Time, err = commitTime(root.Info)
	return entry, root, err
}

// describeStaging adds the sums of the staging modules that the release requires, and
// returns those that it left out.
func (f Fetcher) describeStaging(ctx context.Context, root downloadedModule, entry *lock.Entry, unsigned bool) (missing []string, err error) {
	goMod, err := os.ReadFile(filepath.Join(root.Dir, "go.mod"))
	if err != nil {
		return nil, fmt.Errorf("reading the release's go.mod: %w", err)
	}
	paths, err := requiredStaging(goMod)
	if err != nil {
		return nil, err
	}
	left, err := f.addSums(ctx, entry, paths)
	if err != nil {
		return nil, err
	}
	for _, module := range left {
		f.Progress.Say("%s@%s: %s", module.Path, module.Version, module.Error)
		if unsigned && gocommand.NotSigned(module.Error) {
			again, err := f.downloadUnsigned(ctx, module)
			if err == nil {
				entry.GoSum += sumLines(again)
				entry.Unsigned = append(entry.Unsigned, module.Path)
				continue
			}
			if !errors.Is(err, ErrNotPublished) {
				return nil, err
			}
		}
		missing = append(missing, module.Path)
	}
	return missing, nil
}

// addSums adds the sums of staging modules, and returns the modules that are not
// published or not signed.
func (f Fetcher) addSums(ctx context.Context, entry *lock.Entry, paths []string) (left []downloadedModule, err error) {
	wanted := make([]string, len(paths))
	for i, path := range paths {
		wanted[i] = path + "@" + entry.Version.StagingModule()
	}
	modules, err := f.download(ctx, runtime.Version(), nil, wanted...)
	if err != nil {
		return nil, err
	}
	for _, module := range modules {
		err := module.unavailable()
		switch {
		case err == nil:
			entry.GoSum += sumLines(module)
		case errors.Is(err, ErrNotPublished) || gocommand.NotSigned(module.Error):
			left = append(left, module)
		default:
			return nil, err
		}
	}
	return left, nil
}

// downloadUnsigned fetches a module that the checksum database does not have.
func (f Fetcher) downloadUnsigned(ctx context.Context, module downloadedModule) (downloadedModule, error) {
	modules, err := f.download(ctx, runtime.Version(), []string{"GONOSUMDB=" + module.Path}, module.Path+"@"+module.Version)
	if err != nil {
		return downloadedModule{}, err
	}
	return modules[0], modules[0].unavailable()
}

func sumLines(m downloadedModule) string {
	return fmt.Sprintf("%s %s %s\n%s %s/go.mod %s\n", m.Path, m.Version, m.Sum, m.Path, m.Version, m.GoModSum)
}

// commitTime reads when a module version's commit was made.
func commitTime(infoFile string) (time.Time, error) {
	var info struct{ Time time.Time }
	data, err := os.ReadFile(infoFile)
	if err == nil {
		err = json.Unmarshal(data, &info)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the release's date: %w", err)
	}
	return info.Time.UTC(), nil
}
