package controlplane

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/cri"
)

func parse(t *testing.T, name string) Pod {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	pod, err := ParsePod("/etc/kubernetes/manifests/"+name+".yaml", content, "db-3")
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

// below keeps what lies below a folder.
func below(folder string, files []string) []string {
	var kept []string
	for _, file := range files {
		if strings.HasPrefix(file, folder) && filepath.Ext(file) != "" {
			kept = append(kept, strings.TrimPrefix(file, folder))
		}
	}
	return kept
}

// The manifests are those that a real kubeadm 1.30.14 wrote.
func TestParsePodsOfKubeadm(t *testing.T) {
	for name, want := range map[string]struct {
		files []string
		probe string
	}{
		"etcd": {[]string{
			"pki/etcd/ca.crt", "pki/etcd/peer.crt", "pki/etcd/peer.key", "pki/etcd/server.crt", "pki/etcd/server.key",
		}, "http://127.0.0.1:2381/health?exclude=NOSPACE&serializable=true"},
		"kube-apiserver": {[]string{
			"pki/apiserver-etcd-client.crt", "pki/apiserver-etcd-client.key", "pki/apiserver-kubelet-client.crt", "pki/apiserver-kubelet-client.key",
			"pki/apiserver.crt", "pki/apiserver.key", "pki/ca.crt", "pki/etcd/ca.crt", "pki/front-proxy-ca.crt",
			"pki/front-proxy-client.crt", "pki/front-proxy-client.key", "pki/sa.key", "pki/sa.pub",
		}, "https://192.0.2.10:6443/readyz"},
		"kube-controller-manager": {[]string{
			"controller-manager.conf", "pki/ca.crt", "pki/ca.key", "pki/front-proxy-ca.crt", "pki/sa.key",
		}, "https://127.0.0.1:10257/healthz"},
		"kube-scheduler": {[]string{"scheduler.conf"}, "https://127.0.0.1:10259/healthz"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := parse(t, name)
			if pod.Namespace != "kube-system" || pod.Name != name+"-db-3" || pod.Grace != 30*time.Second || len(pod.Containers) != 1 {
				t.Fatalf("parsed %+v", pod)
			}
			container := pod.Containers[0]
			if diff := cmp.Diff(want.files, below("/etc/kubernetes/", container.Files)); diff != "" || container.Probe != want.probe {
				t.Errorf("probe %s, want %s\n%s", container.Probe, want.probe, diff)
			}
		})
	}
}

func TestParsePod(t *testing.T) {
	pod := parse(t, "vip")
	want := Pod{
		Manifest: "/etc/kubernetes/manifests/vip.yaml", Namespace: "default", Name: "vip-db-3", Grace: 3 * time.Second,
		Containers: []Container{{
			Name: "vip", Probe: "http://127.0.0.1:2112/ready",
			Files: []string{"/etc/kubernetes/admin.conf", "/host/deep/sub", "/host/deep/sub/a.crt", "/host/folder", "/host/folder/tls/server.crt"},
		}},
	}
	if diff := cmp.Diff(want, pod); diff != "" {
		t.Error(diff)
	}
	for name, text := range map[string]string{"no YAML": "a: [secret", "another kind": "kind: Secret", "no name": "kind: Pod"} {
		if _, err := ParsePod("x.yaml", []byte(text), "n"); !errors.Is(err, ErrManifest) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestPlan(t *testing.T) {
	began := time.Date(2026, time.November, 24, 12, 0, 0, 0, time.UTC)
	var pods []Pod
	var tasks []cri.Container
	for _, name := range []string{"kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"} {
		pods = append(pods, parse(t, name))
		tasks = append(tasks, cri.Container{ID: "id-of-" + name, Namespace: "kube-system", Pod: name + "-db-3", Name: name, CreatedAt: began})
	}
	const folder = "/etc/kubernetes/"
	for name, test := range map[string]struct {
		changed map[string]time.Time
		without string // of which no container runs
		want    []string
	}{
		"nothing changed":     {map[string]time.Time{folder + "pki/apiserver.crt": began.Add(-time.Hour)}, "", nil},
		"the API server's":    {map[string]time.Time{folder + "pki/apiserver.crt": began.Add(time.Hour)}, "", []string{"id-of-kube-apiserver"}},
		"at the same time":    {map[string]time.Time{folder + "scheduler.conf": began}, "", []string{"id-of-kube-scheduler"}},
		"another node's file": {map[string]time.Time{"/elsewhere/scheduler.conf": began.Add(time.Hour)}, "", nil},
		"all, in their order": {map[string]time.Time{
			folder + "scheduler.conf": began.Add(time.Hour), folder + "controller-manager.conf": began.Add(time.Hour),
			folder + "pki/apiserver.crt": began.Add(time.Hour), folder + "pki/etcd/server.crt": began.Add(time.Hour),
		}, "", []string{"id-of-etcd", "id-of-kube-apiserver", "id-of-kube-controller-manager", "id-of-kube-scheduler"}},
		"one that doesn't run": {map[string]time.Time{folder + "scheduler.conf": began.Add(-time.Hour)}, "kube-scheduler", []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			var running []cri.Container
			for _, task := range tasks {
				if task.Name != test.without {
					running = append(running, task)
				}
			}
			var got []string
			for _, restart := range Plan(pods, running, test.changed) {
				got = append(got, restart.ID)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
