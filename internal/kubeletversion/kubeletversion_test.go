package kubeletversion_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/internal/kubeletversion"
)

func TestParse(t *testing.T) {
	for output, want := range map[string]struct {
		version, release string
		patched          bool
	}{
		"Kubernetes v1.30.14\n":                        {"v1.30.14", "v1.30.14", false},
		"Kubernetes v1.31.0+steadylet.8b1ec5d9\n":      {"v1.31.0+steadylet.8b1ec5d9", "v1.31.0", true},
		"Kubernetes v1.30.1-eks.2+steadylet.8b1ec5d9":  {"v1.30.1-eks.2+steadylet.8b1ec5d9", "v1.30.1-eks.2", true},
		"Kubernetes v1.37.0-rc.1":                      {"v1.37.0-rc.1", "v1.37.0-rc.1", false},
		"Kubernetes v1.30.14+rke2r1":                   {"v1.30.14+rke2r1", "v1.30.14", false},
		"BusyBox v1.35.0":                              {},
		"":                                             {},
		"Kubernetes v1.30.14\nand more":                {},
		"Kubernetes v1":                                {},
		"warning: a file\nKubernetes v1.30.14\n":       {},
		"Kubernetes v1.30.14 (with what others added)": {},
	} {
		got, err := kubeletversion.Parse(output)
		if got != want.version || (got == "") != errors.Is(err, kubeletversion.ErrNone) {
			t.Errorf("%q: got %q, %v", output, got, err)
		}
		if release, patched := kubeletversion.Release(got), kubeletversion.Patched(got); release != want.release || patched != want.patched {
			t.Errorf("%q: release %q, patched %t", output, release, patched)
		}
		if series := kubeletversion.Series(got); want.patched && series != "8b1ec5d9" || !want.patched && series != "" {
			t.Errorf("%q: series %q", output, series)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("Kubernetes v1.30.14")
	f.Fuzz(func(t *testing.T, output string) {
		version, err := kubeletversion.Parse(output)
		if (version == "") != (err != nil) || strings.ContainsAny(version, " \n\"") {
			t.Errorf("got %q, %v", version, err)
		}
	})
}
