package graft

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	steadyletPackage = "k8s.io/kubernetes/pkg/kubelet/steadylet"
	statefilePackage = "k8s.io/kubernetes/pkg/kubelet/steadylet/statefile"
)

func TestVendorModules(t *testing.T) {
	want := string(fixture(t, "modules.want.txt"))
	got, err := VendorModules(fixture(t, "modules.txt"), []string{statefilePackage, steadyletPackage})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	again, err := VendorModules(got, []string{steadyletPackage, statefilePackage})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(again)); diff != "" {
		t.Errorf("a second time (-want +got):\n%s", diff)
	}
}

func TestVendorModulesEdges(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{
			"no packages yet", "# k8s.io/kubernetes v1.36.3\n## explicit\n# x v1\n",
			"# k8s.io/kubernetes v1.36.3\n## explicit\n" + steadyletPackage + "\n# x v1\n",
		},
		{
			"at the end, without a line feed", "# k8s.io/kubernetes v1.36.3\nk8s.io/kubernetes/z",
			"# k8s.io/kubernetes v1.36.3\n" + steadyletPackage + "\nk8s.io/kubernetes/z\n",
		},
		{
			"header without a line feed", "# k8s.io/kubernetes v1.36.3",
			"# k8s.io/kubernetes v1.36.3\n" + steadyletPackage + "\n",
		},
		{
			"replaced module", "# k8s.io/kubernetes v1.36.3 => ./fork\nk8s.io/kubernetes/a\n# k8s.io/kubernetes => ./fork\n",
			"# k8s.io/kubernetes v1.36.3 => ./fork\nk8s.io/kubernetes/a\n" + steadyletPackage + "\n# k8s.io/kubernetes => ./fork\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := VendorModules([]byte(test.in), []string{steadyletPackage})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestVendorModulesRefuses(t *testing.T) {
	const section = "# k8s.io/kubernetes v1.36.3\n"
	tests := []struct {
		name, in, added string
		want            error
	}{
		{"empty", "", steadyletPackage, ErrNoSection},
		{"another module", "# k8s.io/kubernetes-fork v1.36.3\n", steadyletPackage, ErrNoSection},
		{"only a replacement", "# k8s.io/kubernetes => ./fork\n", steadyletPackage, ErrNoSection},
		{"package of another module", section, "k8s.io/klog/v2", nil},
		{"the module itself", section, "k8s.io/kubernetes", nil},
		{"two lines", section, "k8s.io/kubernetes/a\n# x v1", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := VendorModules([]byte(test.in), []string{test.added})
			if err == nil || got != nil || (test.want != nil && !errors.Is(err, test.want)) {
				t.Errorf("got %q, error %v, want nothing and %v", got, err, test.want)
			}
		})
	}
}

func FuzzVendorModules(f *testing.F) {
	f.Add(string(fixture(f, "modules.txt")), "pkg/kubelet/steadylet")
	f.Add("# k8s.io/kubernetes v1.36.3\r\nk8s.io/kubernetes/a\r\n", "a")
	f.Add("# k8s.io/kubernetes v1", "\n")
	f.Fuzz(func(t *testing.T, text, added string) {
		packages := []string{steadyletPackage, "k8s.io/kubernetes/" + added}
		got, err := VendorModules([]byte(text), packages)
		if err != nil {
			return
		}
		again, err := VendorModules(got, packages)
		if err != nil || string(again) != string(got) {
			t.Fatalf("a second time: %v, %q after %q", err, again, got)
		}
		have := map[string]bool{}
		for line := range strings.Lines(string(got)) {
			have[strings.TrimSuffix(line, "\n")] = true
		}
		for _, line := range append(strings.Split(text, "\n"), packages...) {
			if line != "" && !have[line] {
				t.Fatalf("the line %q is not in %q", line, got)
			}
		}
	})
}
