package kubeletunit_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/kubeletunit"
)

// The unit and the drop-in that kubeadm's packages bring, with one more.
func TestLoadKubeadm(t *testing.T) {
	got, err := kubeletunit.Load("testdata/kubeadm")
	if err != nil {
		t.Fatal(err)
	}
	want := kubeletunit.Unit{
		Path: "/lib/systemd/system/kubelet.service",
		DropIns: []string{
			"/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf", "/etc/systemd/system/kubelet.service.d/20-proxy.conf",
		},
		EnvironmentFiles: []string{"/var/lib/kubelet/kubeadm-flags.env", "/etc/default/kubelet"},
		Args: []string{
			"/usr/bin/kubelet", "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf", "--kubeconfig=/etc/kubernetes/kubelet.conf",
			"--config=/var/lib/kubelet/config.yaml", "--container-runtime-endpoint=unix:///run/containerd/containerd.sock",
			"--pod-infra-container-image=registry.example/pause:3.9", "--root-dir=/data/kubelet",
		},
		Environment: map[string]string{
			"HTTP_PROXY": "http://user:password@proxy.example", "NO_PROXY": "localhost",
			"KUBELET_CONFIG_ARGS":     "--config=/var/lib/kubelet/config.yaml",
			"KUBELET_EXTRA_ARGS":      "--root-dir=/data/kubelet",
			"KUBELET_KUBEADM_ARGS":    "--container-runtime-endpoint=unix:///run/containerd/containerd.sock --pod-infra-container-image=registry.example/pause:3.9",
			"KUBELET_KUBECONFIG_ARGS": "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// write makes files below a new root.
func write(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestLoad(t *testing.T) {
	const unit = "etc/systemd/system/kubelet.service"
	for name, test := range map[string]struct {
		files map[string]string
		want  []string
		err   string
	}{
		"quotes and a continued line": {
			map[string]string{unit: "[Service]\nExecStart=-/usr/bin/kubelet \\\n  --config='/a b/c' --v=2\n"},
			[]string{"/usr/bin/kubelet", "--config=/a b/c", "--v=2"}, "",
		},
		"variables": {
			map[string]string{unit: "[Service]\nEnvironment=A=1 \"B=x y\"\nEnvironment=C=$$\nExecStart=k --a=${A} $B ${B} $NONE --money=$$5 100%%\n"},
			[]string{"k", "--a=1", "x", "y", "x y", "--money=$5", "100%"}, "",
		},
		"the environment is reset": {
			map[string]string{unit: "[Service]\nEnvironment=A=1\nEnvironment=\nEnvironmentFile=/none\nEnvironmentFile=\nExecStart=k $A --b\n"}, []string{"k", "--b"}, "",
		},
		"other sections": {map[string]string{unit: "[Unit]\nExecStart=no\n[Service]\nExecStart=k\n[Install]\nExecStart=no\n"}, []string{"k"}, ""},
		"the same drop-in in two places": {
			map[string]string{
				unit: "[Service]\nExecStart=k\n", "etc/systemd/system/kubelet.service.d/a.conf": "[Service]\nExecStart=\nExecStart=mine\n",
				"lib/systemd/system/kubelet.service.d/a.conf": "[Service]\nExecStart=\nExecStart=theirs\n",
			}, []string{"mine"}, "",
		},
		"a comment that ends in a backslash": {
			map[string]string{unit: "[Service]\n# a path: \\\nExecStart=k \\\n  ; more \\\n  --b\n"}, []string{"k", "--b"}, "",
		},
		"none":                        {nil, nil, kubeletunit.ErrNone.Error()},
		"nothing to start":            {map[string]string{unit: "[Service]\n"}, nil, "no ExecStart"},
		"an open quote":               {map[string]string{unit: "[Service]\nExecStart=k \"a\n"}, nil, "a quote is not closed"},
		"an environment file missing": {map[string]string{unit: "[Service]\nEnvironmentFile=/none\nExecStart=k\n"}, nil, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := kubeletunit.Load(write(t, test.files))
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(test.want, got.Args); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A drop-in that is a link to /dev/null hides the one of its name.
func TestMaskedDropIn(t *testing.T) {
	root := write(t, map[string]string{
		"lib/systemd/system/kubelet.service":          "[Service]\nExecStart=k\n",
		"lib/systemd/system/kubelet.service.d/a.conf": "[Service]\nExecStart=\nExecStart=theirs\n",
	})
	folder := filepath.Join(root, "etc/systemd/system/kubelet.service.d")
	if err := errors.Join(os.MkdirAll(folder, 0o700), os.Symlink("/dev/null", filepath.Join(folder, "a.conf"))); err != nil {
		t.Fatal(err)
	}
	got, err := kubeletunit.Load(root)
	if diff := cmp.Diff([]string{"k"}, got.Args); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
