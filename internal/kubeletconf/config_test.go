package kubeletconf_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/kubeletconf"
)

func TestLoad(t *testing.T) {
	here, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	kubeadm := kubeletconf.Config{StaticPodPath: "/etc/kubernetes/manifests", Endpoint: "unix:///run/containerd/containerd.sock", CgroupDriver: "systemd"}
	port, off, yes, no := 10300, 0, true, false
	for name, test := range map[string]struct {
		file, dir string
		want      kubeletconf.Config
		err       error
	}{
		"kubeadm":            {"kubeadm.yaml", "", kubeadm, nil},
		"JSON, relative":     {"relative.json", "", kubeletconf.Config{StaticPodPath: filepath.Join(here, "manifests")}, nil},
		"drop-ins":           {"kubeadm.yaml", "dropins", kubeletconf.Config{StaticPodPath: "/second", Endpoint: kubeadm.Endpoint, CgroupDriver: "systemd"}, nil},
		"drop-ins alone":     {"", "dropins", kubeletconf.Config{StaticPodPath: "/second"}, nil},
		"static pods by URL": {"url.yaml", "dropins", kubeletconf.Config{StaticPodPath: "/second", StaticPodURL: "https://manifests.example/node-7"}, nil},
		"healthz":            {"healthz.yaml", "", kubeletconf.Config{HealthzAddress: "10.0.0.7", HealthzPort: &port}, nil},
		"healthz, off":       {"healthz.yaml", "healthz", kubeletconf.Config{HealthzAddress: "10.0.0.7", HealthzPort: &off}, nil},
		"cgroups":            {"cgroups.yaml", "", kubeletconf.Config{CgroupsPerQOS: &no}, nil},
		"cgroups, on":        {"cgroups.yaml", "cgroups", kubeletconf.Config{CgroupsPerQOS: &yes}, nil},
		"rotates":            {"rotates.yaml", "", kubeletconf.Config{RotateCertificates: &yes}, nil},
		"rotates, off":       {"rotates.yaml", "rotates", kubeletconf.Config{RotateCertificates: &no}, nil},
		"nothing":            {"", "", kubeletconf.Config{}, nil},
		"a pod":              {"pod.yaml", "", kubeletconf.Config{}, kubeletconf.ErrKind},
		"broken":             {"broken.yaml", "", kubeletconf.Config{}, kubeletconf.ErrKind},
		"missing":            {"none.yaml", "", kubeletconf.Config{}, fs.ErrNotExist},
		"missing drop-ins":   {"kubeadm.yaml", "none", kubeletconf.Config{}, fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			in := func(name string) string {
				if name == "" {
					return ""
				}
				return filepath.Join(here, name)
			}
			got, err := kubeletconf.Load(in(test.file), in(test.dir))
			if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
				t.Fatalf("got %v, want %v", err, test.err)
			}
			if err != nil && strings.Contains(err.Error(), "password") {
				t.Errorf("%q tells what is in the file", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("kind: KubeletConfiguration\napiVersion: kubelet.config.k8s.io/v1beta1\nstaticPodPath: a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		config, err := kubeletconf.Parse(data, "/dir")
		if err == nil && config.StaticPodPath != "" && !filepath.IsAbs(config.StaticPodPath) {
			t.Errorf("a relative path: %q", config.StaticPodPath)
		}
	})
}
