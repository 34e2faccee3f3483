package graft_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/hookcheck"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/series"
)

// staged is a Kubernetes module with one of its staging modules, in the upstream layout.
type staged struct{ kubernetes, clientGo stock }

func (s staged) ReadFile(path string) (series.File, error) {
	tree := s.kubernetes
	if rest, ok := strings.CutPrefix(path, "staging/src/k8s.io/client-go/"); ok {
		tree, path = s.clientGo, rest
	}
	data, err := tree.ReadFile(path)
	return series.File{Data: data}, err
}

// stagedStock is the same without the patches, as hookcheck reads it.
type stagedStock struct{ staged }

func (s stagedStock) ReadFile(path string) ([]byte, error) {
	file, err := s.staged.ReadFile(path)
	return file.Data, err
}

// unlocked are the last releases of the minor versions that the lock has none of.
var unlocked = []string{"v1.21.14", "v1.22.17", "v1.23.17", "v1.24.17", "v1.25.16", "v1.26.15", "v1.27.16", "v1.28.15"}

// The series of kubeadm must apply to every tag of the lock that needs it, and its hooks
// must then be in place. Sources are taken from the module cache only: a tag that isn't
// there is skipped. Other releases of the range are tried where they are there.
func TestCertValidityApplies(t *testing.T) {
	locked, err := lock.Read(filepath.Join(patchesFolder, "kubernetes.lock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	cache := filepath.Join(programtest.ModuleCache(t), "k8s.io")
	for _, entry := range locked.Versions {
		if entry.Version.Minor > 30 {
			continue
		}
		t.Run(entry.Version.String(), func(t *testing.T) {
			tree, missing := findStaged(t, cache, entry.Version)
			if missing != "" {
				programtest.Module(t, "k8s.io/"+filepath.Base(missing))
			}
			checkCertValidity(t, tree, entry.Version)
		})
	}
	for _, text := range unlocked {
		version, err := kubever.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if tree, missing := findStaged(t, cache, version); missing == "" {
			t.Run(text, func(t *testing.T) { checkCertValidity(t, tree, version) })
		}
	}
}

// findStaged returns the modules of a release, or the folder of one that is missing.
func findStaged(t *testing.T, cache string, version kubever.Version) (tree staged, missing string) {
	t.Helper()
	tree = staged{
		kubernetes: stock(filepath.Join(cache, "kubernetes@"+version.String())),
		clientGo:   stock(filepath.Join(cache, "client-go@"+version.StagingModule())),
	}
	for _, dir := range []stock{tree.kubernetes, tree.clientGo} {
		if _, err := os.Stat(string(dir)); errors.Is(err, fs.ErrNotExist) {
			return tree, string(dir)
		}
	}
	return tree, ""
}

func checkCertValidity(t *testing.T, tree staged, version kubever.Version) {
	t.Helper()
	loaded := loadCertValidity(t)
	patches, err := loaded.Select(version, false)
	if err != nil {
		t.Fatal(err)
	}
	result, err := series.Apply(tree, patches)
	if err != nil {
		t.Fatal(err)
	}
	assertions := loaded.AssertionsFor(version)
	if err := hookcheck.Check(result, assertions); err != nil || len(assertions) == 0 {
		t.Errorf("%d assertions: %v", len(assertions), err)
	}
	if err := hookcheck.Check(stagedStock{tree}, assertions); !errors.Is(err, hookcheck.ErrHookMissing) {
		t.Errorf("the stock tree gives %v, so the assertions prove nothing", err)
	}
}

func loadCertValidity(t *testing.T) *series.Series {
	t.Helper()
	loaded, err := series.Load(os.DirFS(patchesFolder), "kubeadm-cert-validity")
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// From 1.31 on kubeadm needs no patch, so there is none.
func TestCertValidityIsRefusedWhereNoPatchIsNeeded(t *testing.T) {
	loaded := loadCertValidity(t)
	for _, minor := range []int{19, 31, 36} {
		version := kubever.Version{Major: 1, Minor: minor}
		if _, err := loaded.Select(version, false); !errors.Is(err, series.ErrRange) {
			t.Errorf("%s: got %v, want ErrRange", version, err)
		}
	}
}
