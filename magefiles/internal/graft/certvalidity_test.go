package graft_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/hookcheck"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
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

// The series of kubeadm must apply to a release of every minor version of its range,
// and its hooks must then be in place. Sources are taken from the module cache only: a
// release that isn't there is skipped.
func TestCertValidityAppliesToEveryMinorVersion(t *testing.T) {
	loaded, err := series.Load(os.DirFS(patchesFolder), "kubeadm-cert-validity")
	if err != nil {
		t.Fatal(err)
	}
	cache := filepath.Join(moduleCache(t), "k8s.io")
	for _, text := range []string{
		"v1.20.2", "v1.21.14", "v1.22.17", "v1.23.17", "v1.24.17", "v1.25.16", "v1.26.15", "v1.27.16", "v1.28.15", "v1.29.6", "v1.30.4", "v1.30.14",
	} {
		t.Run(text, func(t *testing.T) {
			version, err := kubever.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			tree := staged{
				kubernetes: stock(filepath.Join(cache, "kubernetes@"+text)),
				clientGo:   stock(filepath.Join(cache, "client-go@"+version.StagingModule())),
			}
			for _, dir := range []stock{tree.kubernetes, tree.clientGo} {
				if _, err := os.Stat(string(dir)); errors.Is(err, fs.ErrNotExist) {
					t.Skipf("%s is not in the module cache; go mod download k8s.io/%s brings it", dir, filepath.Base(string(dir)))
				}
			}
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
		})
	}
}

// From 1.31 on kubeadm needs no patch, so there is none.
func TestCertValidityIsRefusedWhereNoPatchIsNeeded(t *testing.T) {
	loaded, err := series.Load(os.DirFS(patchesFolder), "kubeadm-cert-validity")
	if err != nil {
		t.Fatal(err)
	}
	for _, minor := range []int{19, 31, 36} {
		version := kubever.Version{Major: 1, Minor: minor}
		if _, err := loaded.Select(version, false); !errors.Is(err, series.ErrRange) {
			t.Errorf("%s: got %v, want ErrRange", version, err)
		}
	}
}
