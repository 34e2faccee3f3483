package pipeline_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/certvalidity"
	"github.com/steadylet/steadylet/magefiles/internal/manifest"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
)

// buildKubeadm builds kubeadm as target build does with -caYears.
func buildKubeadm(t *testing.T, root, kubernetes string, years *certvalidity.Years) *pipeline.Built {
	t.Helper()
	p, err := pipeline.Open(config(root))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	series := pipeline.StockSeries
	if years != nil {
		request := certvalidity.Request{Component: "kubeadm", CA: &years.CA, Leaf: &years.Leaf}
		if series, err = p.ValiditySeries(request, pipeline.SourceOptions{Version: "v1.36.3"}); err != nil {
			t.Fatal(err)
		}
	}
	patched := patch(t, p, kubernetes, pipeline.PatchOptions{Series: series, Validity: years})
	built, err := p.Build(t.Context(), patched, build.Options{Component: "kubeadm", Mode: build.Debug, Arch: runtime.GOARCH})
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// A release that needs no patch gives a stock kubeadm with its configuration beside it,
// apart from one that was asked for without years.
func TestStockKubeadmWithYears(t *testing.T) {
	root, kubernetes := repository(t)
	plain := buildKubeadm(t, root, kubernetes, nil)
	years := certvalidity.Years{Leaf: 5, CA: 50}
	built := buildKubeadm(t, root, kubernetes, &years)
	if built.Version != "v1.36.3" || filepath.Base(filepath.Dir(built.Path)) != "stock-debug-5y.50y" || built.Path == plain.Path {
		t.Errorf("built %s at %s", built.Version, built.Path)
	}
	described, err := manifest.Read(built.ManifestPath)
	if err != nil {
		t.Fatal(err)
	}
	validity := described.CertificateValidity
	if validity == nil || validity.Configuration == nil || validity.Years != years {
		t.Fatalf("the manifest says %+v", validity)
	}
	path := filepath.Join(filepath.Dir(built.Path), validity.Configuration.Name)
	digest, size, err := build.Digest(path)
	if err != nil || digest != validity.Configuration.SHA256 || size != validity.Configuration.Size {
		t.Errorf("%s: %s, %d bytes (%v); the manifest says %+v", path, digest, size, err, *validity.Configuration)
	}
	for _, flag := range described.Build.Arguments {
		if strings.Contains(flag, "caYears") {
			t.Errorf("a stock kubeadm is linked with %s", flag)
		}
	}
	if again := buildKubeadm(t, root, kubernetes, &years); !again.Cached {
		t.Error("a second build with nothing changed did work")
	}
	if again := buildKubeadm(t, root, kubernetes, nil); !again.Cached {
		t.Error("the one without years was built anew")
	}
	if err := os.WriteFile(path, []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	if again := buildKubeadm(t, root, kubernetes, &years); again.Cached {
		t.Error("a configuration that was changed is left as it is")
	}
	if described, err := manifest.Read(plain.ManifestPath); err != nil || cmp.Diff((*manifest.CertificateValidity)(nil), described.CertificateValidity) != "" {
		t.Errorf("without years the manifest says %+v (%v)", described.CertificateValidity, err)
	}
}

// Years that no release can have are refused before there is any work.
func TestYearsAreForTheVersion(t *testing.T) {
	root, _ := repository(t)
	p, err := pipeline.Open(config(root))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	request := certvalidity.Request{Component: "kubeadm", Series: certvalidity.Series}
	if _, err := p.ValiditySeries(request, pipeline.SourceOptions{Version: "v1.36.3"}); !errors.Is(err, certvalidity.ErrRequest) {
		t.Errorf("got %v, want ErrRequest", err)
	}
	if series, err := p.ValiditySeries(request, pipeline.SourceOptions{Version: "v1.30.14"}); err != nil || series != certvalidity.Series {
		t.Errorf("got %s, %v", series, err)
	}
}
