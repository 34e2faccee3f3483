package source

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
)

// Describe makes the lock's entry for a tag from what the module proxy and the
// checksum database say of it. toolchain ("go1.26.5") runs the go command, and
// is recorded for a tag that has no .go-version.
//
// A staging module that the checksum database doesn't know is left out, unless
// unsigned says otherwise: then the sum of what the proxy gave is recorded, and
// marked as unsigned. A tag whose staging modules don't suffice to vendor the
// programs becomes root-only.
func (f Fetcher) Describe(ctx context.Context, version kubever.Version, toolchain string, unsigned bool) (lock.Entry, error) {
	root, err := f.downloadOne(ctx, toolchain, rootModule+"@"+version.String())
	if err != nil {
		return lock.Entry{}, err
	}
	entry := lock.Entry{Version: version, Toolchain: toolchain, GoSum: sumLines(root)}
	if root.Origin != nil {
		entry.Commit = root.Origin.Hash
	}
	if own, err := os.ReadFile(filepath.Join(root.Dir, ".go-version")); err == nil {
		entry.Toolchain = "go" + strings.TrimSpace(string(own))
	}
	if entry.Time, err = commitTime(root.Info); err != nil {
		return lock.Entry{}, err
	}
	if err := f.describeStaging(ctx, root, &entry, unsigned); err != nil {
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
	modules, err := f.download(ctx, entry.Toolchain, nil, wanted...)
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
		again, err := f.download(ctx, entry.Toolchain, []string{"GONOSUMDB=" + paths[i]}, wanted[i])
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
