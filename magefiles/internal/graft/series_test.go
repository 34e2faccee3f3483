package graft_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/hookcheck"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/series"
)

const seriesName = "restart-suppression"

var patchesFolder = filepath.Join("..", "..", "..", "patches")

// The series must apply to every tag of the lock, and its hooks must then be in
// place. Sources are taken from the module cache only: a tag that isn't there
// is skipped.
func TestSeriesAppliesToEveryLockedTag(t *testing.T) {
	loaded := loadSeries(t)
	locked, err := lock.Read(filepath.Join(patchesFolder, "kubernetes.lock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range locked.Versions {
		t.Run(entry.Version.String(), func(t *testing.T) {
			tree := programtest.Module(t, "k8s.io/kubernetes@"+entry.Version.String())
			patches, err := loaded.Select(entry.Version, false)
			if err != nil {
				t.Fatal(err)
			}
			result, err := series.Apply(series.FromFS(os.DirFS(tree)), patches)
			if err != nil {
				t.Fatal(err)
			}
			assertions := loaded.AssertionsFor(entry.Version)
			if len(assertions) == 0 {
				t.Fatal("no assertion holds for this version")
			}
			if err := hookcheck.Check(result, assertions); err != nil {
				t.Error(err)
			}
			if err := hookcheck.Check(stock(tree), assertions); !errors.Is(err, hookcheck.ErrHookMissing) {
				t.Errorf("the stock tree gives %v, so the assertions prove nothing", err)
			}
		})
	}
}

// Versions that nobody tried are refused by name.
func TestSeriesRefusesUntriedVersions(t *testing.T) {
	loaded := loadSeries(t)
	for _, text := range []string{"v1.19.16", "v1.20.1", "v1.24.0", "v1.26.0", "v1.30.0", "v1.38.0"} {
		t.Run(text, func(t *testing.T) {
			version, err := kubever.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if patches, err := loaded.Select(version, false); !errors.Is(err, series.ErrRange) || patches != nil {
				t.Errorf("%d patches, error %v, want none and %v", len(patches), err, series.ErrRange)
			}
		})
	}
}

func loadSeries(t *testing.T) *series.Series {
	t.Helper()
	loaded, err := series.Load(os.DirFS(patchesFolder), seriesName)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// stock is an unpatched tree, by its folder.
type stock string

func (s stock) ReadFile(path string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(s), filepath.FromSlash(path)))
}
