package nodefacts

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/steadylet/steadylet/internal/programtest"
)

func TestDebianPackage(t *testing.T) {
	for text, want := range map[string]string{
		"kubelet: /usr/bin/kubelet\n": "kubelet",
		"diversion by x from: /usr/bin/kubelet\ndiversion by x to: /usr/bin/kubelet.real\nkubernetes-node, x: /usr/bin/kubelet\n": "kubernetes-node",
		"": "",
	} {
		if got := debianPackage(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// A real package manager knows its own program, and not ours.
func TestOfPackage(t *testing.T) {
	if got := ofPackage(t.Context(), os.Args[0]); got.Err != nil || got.Name != "" {
		t.Errorf("this test is of %+v", got)
	}
	programtest.Needs(t, "dpkg", "/usr/bin/dpkg-query")
	if got := ofPackage(t.Context(), "/usr/bin/dpkg-query"); got.Err != nil || got.Name != "dpkg" || got.Manager != "dpkg" || got.Held {
		t.Errorf("dpkg is of %+v", got)
	}
}

func TestIsLocked(t *testing.T) {
	for name, test := range map[string]struct {
		file, text string
		want       bool
	}{
		"nothing":            {"yum.repos.d/kubernetes.repo", "[kubernetes]\nname=kubelet\n", false},
		"an exclusion":       {"yum.repos.d/kubernetes.repo", "[kubernetes]\nexclude=kubeadm kubelet kubectl\n", true},
		"one that is not":    {"yum.repos.d/kubernetes.repo", "[kubernetes]\n#exclude=kubelet\n", false},
		"another package":    {"yum.conf", "exclude=kubelet-extras\n", false},
		"excludepkgs":        {"dnf/dnf.conf", "excludepkgs=kubelet,kubeadm\n", true},
		"a lock":             {"dnf/plugins/versionlock.list", "kubelet-0:1.31.0-150500.1.1.*\n", true},
		"an excluding lock":  {"yum/pluginconf.d/versionlock.list", "!kubelet-0:1.31.0-1.*\n", true},
		"a lock, newer":      {"dnf/versionlock.toml", "[[packages]]\nname = \"kubelet\"\n", true},
		"another one's lock": {"dnf/plugins/versionlock.list", "kubectl-0:1.31.0-1.*\n", false},
	} {
		etc := t.TempDir()
		path := filepath.Join(etc, test.file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := isLocked(etc, "kubelet"); got != test.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
