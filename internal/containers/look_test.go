package containers_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/steadylet/steadylet/internal/containers"
	"github.com/steadylet/steadylet/internal/cri"
	"github.com/steadylet/steadylet/internal/cri/critest"
)

// A snapshot, through its file, and what became of it: over the real CRI, with a static
// pod's manifest on disk.
func TestTakeAndSince(t *testing.T) {
	manifests := t.TempDir()
	manifest := filepath.Join(manifests, "etcd.yaml")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(manifest, "apiVersion: v1\nkind: Pod\nmetadata: {name: etcd, namespace: kube-system}\n")
	etcd := critest.Container("etcd-1", "kube-system", "etcd-node", "uid-1", "etcd")
	dead := critest.Container("dead-1", "default", "job", "uid-2", "app")
	dead.State = runtimeapi.ContainerState_CONTAINER_EXITED
	web := critest.Container("web-1", "default", "web", "uid-3", "app")
	stranger := &runtimeapi.Container{Id: "not of a kubelet", State: runtimeapi.ContainerState_CONTAINER_RUNNING}
	runtime := &critest.Runtime{
		Sandboxes: []*runtimeapi.PodSandbox{
			critest.Sandbox("kube-system", "etcd-node", "uid-1", start), critest.Sandbox("default", "web", "uid-3", start),
		},
		Containers: []*runtimeapi.Container{etcd, dead, web, stranger},
	}
	runtime.Sandboxes[1].Annotations = nil
	node := containers.Node{Endpoint: critest.Serve(t, runtime), ManifestPath: manifests, Name: "node"}
	taken, err := containers.Take(t.Context(), node, cri.DefaultWithin, start)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(taken)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "before.json")
	write(file, string(data))
	before, err := containers.Read(file)
	if err != nil || len(before.Containers) != 2 {
		t.Fatalf("read %+v, %v", before, err)
	}
	compare := func(want map[containers.Kind]int) {
		t.Helper()
		report, err := containers.Since(t.Context(), before, cri.DefaultWithin, start)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, report.Counts); diff != "" {
			t.Errorf("%s\n%+v", diff, report.Changes)
		}
	}
	compare(map[containers.Kind]int{containers.Kept: 2})
	// The static pod under another UID; the other container died before the kubelet started.
	runtime.Sandboxes[0] = critest.Sandbox("kube-system", "etcd-node", "uid-9", start)
	again := critest.Container("etcd-2", "kube-system", "etcd-node", "uid-9", "etcd")
	web.State = runtimeapi.ContainerState_CONTAINER_EXITED
	runtime.Containers = []*runtimeapi.Container{again, web}
	runtime.Endings = map[string]*runtimeapi.ContainerStatus{"web-1": {
		State: runtimeapi.ContainerState_CONTAINER_EXITED, ExitCode: 3, FinishedAt: start.Add(-time.Second).UnixNano(),
	}}
	compare(map[containers.Kind]int{containers.Replaced: 1, containers.Died: 1})
	write(manifest, "apiVersion: v1\nkind: Pod\nmetadata: {name: etcd, namespace: kube-system, labels: {edited: 'yes'}}\n")
	compare(map[containers.Kind]int{containers.Edited: 1, containers.Died: 1})
}

func TestReadOfWhatIsNoSnapshot(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"empty": "", "a state": `{"schemaVersion": 1}`, "a list": `[]`,
		"no ID": `{"takenAt": "2026-01-02T03:04:05Z", "node": {"runtimeEndpoint": "unix:///a"}, "containers": [{}]}`,
	} {
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := containers.Read(path); !errors.Is(err, containers.ErrNoSnapshot) || got.Containers != nil {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	if _, err := containers.Read(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}
