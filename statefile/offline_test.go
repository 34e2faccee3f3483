package statefile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/statefile"
)

func TestInUseWhileAKubeletHasTheFolder(t *testing.T) {
	root := t.TempDir()
	path := statefile.Path(root)
	if err := statefile.InUse(path); err != nil {
		t.Errorf("without a folder: %v", err)
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 0 {
		t.Errorf("looking made %v (%v)", entries, err)
	}
	r := recorderAt(t, root, "v1.31.0")
	for range 2 {
		if err := statefile.InUse(path); !errors.Is(err, statefile.ErrInUse) {
			t.Errorf("while a kubelet runs: got %v, want ErrInUse", err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := statefile.InUse(path); err != nil {
		t.Errorf("after it ended: %v", err)
	}
	recorderAt(t, root, "v1.31.0") // fails if the lock were still held
}

func TestSetAsideKeepsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	aside, err := statefile.SetAside(path, time.Unix(0, 0))
	if err != nil || aside != path+".corrupt-19700101T000000.000000000Z" {
		t.Fatalf("set aside as %s: %v", aside, err)
	}
	if data, err := os.ReadFile(aside); err != nil || string(data) != "damaged" {
		t.Errorf("it holds %q: %v", data, err)
	}
	if _, err := statefile.SetAside(path, time.Now()); !os.IsNotExist(err) {
		t.Errorf("without a file: got %v", err)
	}
}

// What Seed records is what keeps the pod's UID in the first patched kubelet.
func TestSeedIsWhatThePatchedKubeletGoesBy(t *testing.T) {
	root, path := t.TempDir(), filepath.Join(t.TempDir(), "etcd.yaml")
	m := manifestAt(t, path, "image: v1", "as 1.31 makes it up")
	made := time.Now().Add(time.Minute)
	ready := statefile.Sandbox{Namespace: m.Namespace, Name: m.Name, UID: "running", Ready: true, FromFile: true, CreatedAt: made}
	changed, err := statefile.ChangedAt(path)
	if err != nil {
		t.Fatal(err)
	}
	pod, reason, ok := m.Seed(changed, made, []statefile.Sandbox{ready})
	if !ok || pod.UID != "running" || pod.Pod != "kube-system/etcd-node" || reason == "" {
		t.Fatalf("got %+v (%s) %t", pod, reason, ok)
	}
	state := statefile.State{Kubelet: statefile.Kubelet{Version: "v1.30.14"}, StaticPods: map[string]statefile.StaticPod{path: pod}}
	if err := statefile.Save(statefile.Path(root), state); err != nil {
		t.Fatal(err)
	}
	if got := recorderAt(t, root, "v1.31.0").StaticPodUID(m, nil); got.UID != "running" || !got.Kept {
		t.Errorf("the patched kubelet takes %+v", got)
	}

	older := ready
	older.CreatedAt = time.Now().Add(-time.Hour)
	remote := ready
	remote.FromFile = false
	for want, sandboxes := range map[string][]statefile.Sandbox{
		"none of its sandboxes": nil, "2 sandboxes": {ready, ready}, "changed after": {older}, "not of a static pod": {remote},
	} {
		if pod, reason, ok := m.Seed(changed, made, sandboxes); ok || pod != (statefile.StaticPod{}) || !strings.Contains(reason, want) {
			t.Errorf("%s: got %+v (%s) %t", want, pod, reason, ok)
		}
	}
	if _, err := statefile.ChangedAt(path + ".gone"); !os.IsNotExist(err) {
		t.Errorf("of a manifest that is gone: %v", err)
	}
	if err := os.Symlink(path, path+".link"); err != nil {
		t.Fatal(err)
	}
	if _, err := statefile.ChangedAt(path + ".link"); !errors.Is(err, statefile.ErrNotRegular) {
		t.Errorf("of a link: %v", err)
	}
}
