package nodepods_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/steadylet/steadylet/internal/cri"
	"github.com/steadylet/steadylet/internal/cri/critest"
	"github.com/steadylet/steadylet/internal/nodepods"
	"github.com/steadylet/steadylet/internal/nodestate"
	"github.com/steadylet/steadylet/internal/predict"
)

var made = time.Unix(1_700_000_000, 0)

// runtime has what a real CRI said.
func runtime(t *testing.T, containers ...*runtimeapi.Container) nodepods.Runtime {
	t.Helper()
	listed, err := cri.Containers(t.Context(), critest.Serve(t, &critest.Runtime{Containers: containers}), cri.DefaultWithin)
	if err != nil {
		t.Fatal(err)
	}
	return nodepods.NewRuntime(listed)
}

// A list is sorted, or lacks what is nothing; a kubelet encodes the struct. The hash is
// compared with that of what the kubelet encodes.
func TestAnnotateEncodesAsTheKubelet(t *testing.T) {
	ended := critest.HashedContainer("shop", "web", "old", "old:v1", "1", made)
	ended.State = runtimeapi.ContainerState_CONTAINER_EXITED
	r := runtime(t, critest.HashedContainer("shop", "web", "web", "web:v1", "ab12", made), ended)
	pod := predict.Pod{Namespace: "shop", Name: "web", Containers: []predict.Container{
		{Name: "web", ID: "container-web-web", Spec: []byte(`{"image":"web:v1","name":"web","tty":false}`)},
		{Name: "old", ID: "container-web-old", Spec: []byte(`{"name":"old"}`)},
	}}
	if err := r.Annotate(&pod, "db-3"); err != nil {
		t.Fatal(err)
	}
	hash := uint64(0xab12)
	want := []predict.Container{
		{Name: "web", ID: "container-web-web", Spec: []byte(`{"name":"web","image":"web:v1","resources":{}}`), Exact: true, CreatedAt: made, Annotated: &hash},
		{Name: "old", ID: "container-web-old", Spec: []byte(`{"name":"old"}`)},
	}
	if diff := cmp.Diff(want, pod.Containers); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A manifest lacks what the kubelet fills in: its hash is no exact one.
func TestAnnotateAManifest(t *testing.T) {
	r := runtime(t, critest.HashedContainer("kube-system", "etcd-db-3", "etcd", "etcd:v1", "ab12", made))
	pod, err := predict.ReadManifest([]byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"etcd","namespace":"kube-system"},"spec":{"containers":[{"name":"etcd","image":"etcd:v1"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Annotate(&pod, "db-3"); err != nil {
		t.Fatal(err)
	}
	if c := pod.Containers[0]; c.Annotated == nil || *c.Annotated != 0xab12 || c.Exact {
		t.Errorf("got %+v, want the hash on it, and not exact", c)
	}
}

func TestPodsOfTheRuntime(t *testing.T) {
	hashless := critest.HashedContainer("shop", "web", "b", "b:v1", "no hash", made)
	r := runtime(t, hashless, critest.HashedContainer("shop", "web", "a", "a:v1", "1", made), critest.HashedContainer("kube-system", "etcd-db-3", "etcd", "etcd:v1", "2", made))
	one := uint64(1)
	want := []predict.Pod{{Namespace: "shop", Name: "web", Containers: []predict.Container{
		{Name: "a", Kind: predict.NotSaid, Image: "a:v1", ID: "container-web-a", CreatedAt: made, Annotated: &one},
		{Name: "b", Kind: predict.NotSaid, Image: "b:v1", ID: "container-web-b", CreatedAt: made},
	}}}
	got := r.Pods(func(namespace, _ string) bool { return namespace == "kube-system" })
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(predict.Pod{}, "Has")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "socket")
	if err := syscall.Mknod(socket, syscall.S_IFSOCK|0o600, 0); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		socket: "neither a file nor a folder", filepath.Join(dir, "gone.json"): "no such file",
	} {
		if _, _, err := nodepods.Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
	if _, manifests, err := nodepods.Open(dir); !manifests || err != nil {
		t.Errorf("a folder is none: %v", err)
	}
}

// What a file is goes by how it begins, not by its name.
func TestOpenTellsManifestsFromLists(t *testing.T) {
	for text, want := range map[string]bool{
		"apiVersion: v1\nkind: Pod\n": true, "# a comment\n": true, "\n\n  {\"kind\": \"List\"}": false, "[]": false, "": false,
	} {
		path := filepath.Join(t.TempDir(), "pods.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		file, manifests, err := nodepods.Open(path)
		if err != nil || manifests != want {
			t.Errorf("%q: got %t (%v)", text, manifests, err)
			continue
		}
		if manifests {
			continue
		}
		read, err := io.ReadAll(file)
		if err := errors.Join(err, file.Close()); err != nil || string(read) != text {
			t.Errorf("%q: read %q (%v)", text, read, err)
		}
	}
}

// What is no manifest, what two files give, and what is behind a manifest is said, and the
// rest is read.
func TestReadManifests(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"b.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec: {containers: [{name: b, image: 'b:v1'}]}\n",
		"a.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: 'a:v1'}]}\n---\nkind: Pod\n",
		"c.txt":  "notes\n", ".hidden": "kind: Pod",
		"d.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: d}\nspec: {containers: [{name: d, image: 'd:v1'}]}\n",
		"d.bak":  "apiVersion: v1\nkind: Pod\nmetadata: {name: d}\nspec: {containers: [{name: d, image: 'd:v2'}]}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var names, warnings []string
	warn := func(what string, why error) { warnings = append(warnings, what) }
	err := nodepods.ReadManifests(dir, warn, func(pod predict.Pod) error {
		names = append(names, pod.Name)
		return nil
	})
	want := []string{
		"what is behind the first YAML document of " + filepath.Join(dir, "a.yaml"), filepath.Join(dir, "c.txt"),
		filepath.Join(dir, "d.bak"), filepath.Join(dir, "d.yaml"),
	}
	if diff := cmp.Diff([][]string{{"a", "b"}, want}, [][]string{names, warnings}); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

// A static pod that names objects of the API server is in no list of it, so it is added
// from its manifest, once.
func TestUnlisted(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"plain.yaml": "metadata: {name: plain}\nspec: {containers: [{name: c}]}\n",
		"named.yaml": "metadata: {name: named}\nspec: {serviceAccountName: a, containers: [{name: c}]}\n",
		"seen.yaml":  "metadata: {name: seen}\nspec: {serviceAccountName: a, containers: [{name: c}]}\n",
		"own.yaml":   "metadata: {name: own}\nspec: {serviceAccountName: a, containers: [{name: c}]}\n",
		"a.yaml":     "metadata: {name: twice}\nspec: {serviceAccountName: a, containers: [{name: c}]}\n",
		"b.yaml":     "metadata: {name: twice}\nspec: {serviceAccountName: b, containers: [{name: c}]}\n",
		"half.yaml":  "metadata: {name: half}\nspec: {serviceAccountName: a}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("apiVersion: v1\nkind: Pod\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("notes\n"), 0o600), syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		settings       nodestate.Settings
		names, leftOut []string
	}{
		"the node was not asked": {nodestate.Settings{}, nil, nil},
		"a folder":               {nodestate.Settings{ManifestPath: dir, NodeName: "db-3"}, []string{"named"}, []string{"a.yaml", "b.yaml", "half.yaml", "pipe"}},
	} {
		t.Run(name, func(t *testing.T) {
			var names, leftOut []string
			node := nodepods.Node{Settings: test.settings, LeftOut: func(what string, _ error) { leftOut = append(leftOut, filepath.Base(what)) }}
			for _, listed := range []predict.Pod{
				{Namespace: "default", Name: "seen-db-3", Static: true}, {Namespace: "default", Name: "own", Static: true, FromManifest: true},
				{Namespace: "default", Name: "named-db-3"}, // of the API server, by chance of the same name
			} {
				if err := node.Annotate(&listed); err != nil {
					t.Fatal(err)
				}
			}
			err := node.Unlisted(func(pod predict.Pod) error {
				names = append(names, pod.Name)
				return nil
			})
			if diff := cmp.Diff([][]string{test.names, test.leftOut}, [][]string{names, leftOut}); diff != "" || err != nil {
				t.Errorf("%v, -want +got:\n%s", err, diff)
			}
		})
	}
}
