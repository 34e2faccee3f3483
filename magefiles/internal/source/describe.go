package source

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

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
// checksum database say of it. A staging module that can't be had, or that is not
// signed, is left out. A tag whose staging modules or toolchain don't suffice to
// vendor the programs becomes root-only.
func (f Fetcher) Describe(ctx context.Context, version kubever.Version, options DescribeOptions) (lock.Entry, error) {
	entry, root, err := f.describeRoot(ctx, version)
	if err != nil {
		return lock.Entry{}, err
	}
	entry.RootOnly = false
	if options.Toolchain != "" {
		entry.Toolchain = options.Toolchain
	}
	if err := f.describeStaging(ctx, root, &entry, options.Unsigned); err != nil {
		return lock.Entry{}, err
	}
	dir, err := os.MkdirTemp("", "steadylet-describe-")
	if err != nil {
		return lock.Entry{}, fmt.Errorf("trying %s: %w", version, err)
	}
	defer os.RemoveAll(dir)
	if _, err := f.fetchModule(ctx, Request{Version: version, Entry: entry, Kind: Module}, dir); err != nil {
		f.Progress.Say("%s is root-only: %v", version, err)
		entry.RootOnly = true
	}
	return entry, nil
}

// DescribeRoot makes an entry with the sums of the root module and of some staging
// modules, by their paths: enough for Publications, not for the lock.
func (f Fetcher) DescribeRoot(ctx context.Context, version kubever.Version, staging []string) (lock.Entry, error) {
	entry, _, err := f.describeRoot(ctx, version)
	if err != nil || len(staging) == 0 {
		return entry, err
	}
	wanted := make([]string, len(staging))
	for i, path := range staging {
		wanted[i] = path + "@" + version.StagingModule()
	}
	modules, err := f.download(ctx, runtime.Version(), nil, wanted...)
	for _, module := range modules {
		if module.Error == "" {
			entry.GoSum += sumLines(module)
		}
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

func (f Fetcher) describeStaging(ctx context.Context, root downloadedModule, entry *lock.Entry, unsigned bool) error {
	goMod, err := os.ReadFile(filepath.Join(root.Dir, "go.mod"))
	if err != nil {
		return fmt.Errorf("reading the release's go.mod: %w", err)
	}
	paths, err := requiredStaging(goMod)
	if err != nil {
		return err
	}
	wanted := make([]string, len(paths))
	for i, path := range paths {
		wanted[i] = path + "@" + entry.Version.StagingModule()
	}
	modules, err := f.download(ctx, runtime.Version(), nil, wanted...)
	if err != nil {
		return err
	}
	for i, module := range modules {
		if module.Error == "" {
			entry.GoSum += sumLines(module)
			continue
		}
		f.Progress.Say("%s: %s", wanted[i], module.Error)
		if !unsigned {
			continue
		}
		again, err := f.download(ctx, runtime.Version(), []string{"GONOSUMDB=" + paths[i]}, wanted[i])
		if err != nil {
			return err
		}
		if again[0].Error == "" {
			entry.GoSum += sumLines(again[0])
			entry.Unsigned = append(entry.Unsigned, paths[i])
		}
	}
	return nil
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
