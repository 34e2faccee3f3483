package e2e_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
	"github.com/steadylet/steadylet/magefiles/internal/upgrade"
	"github.com/steadylet/steadylet/statefile"
)

// fleet is a cluster of one node with the manifests of scripts/fleet.
type fleet struct {
	*upgrade.Server
	node  *testnode.Node
	place testnode.KubeletPlace
	// namespace stands in for that of the manifests: what the node's run leaves is
	// cleaned up by it.
	namespace string
}

func startFleet(t *testing.T, apiserver string) *fleet {
	t.Helper()
	node, err := testnode.StartNode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{node: node, namespace: node.Name()}
	t.Cleanup(func() {
		if f.Server != nil {
			err = f.Stop()
		}
		if err := errors.Join(err, node.Stop(context.Background())); err != nil {
			t.Error(err)
		}
	})
	if f.place, err = node.PlaceKubelet(); err == nil {
		f.Server, err = upgrade.StartServer(t.Context(), node, apiserver)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.place.Kubeconfig = f.Kubeconfig()
	return f
}

// manifests reads the objects of a folder of scripts/fleet, as they are applied to the
// namespace.
func (f *fleet) manifests(t *testing.T, folder string) []object {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "scripts", "fleet", folder)
	data, err := os.ReadFile(filepath.Join(dir, "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var kustomization struct{ Resources []string }
	if err := yaml.Unmarshal(data, &kustomization); err != nil {
		t.Fatal(err)
	}
	var objects []object
	for _, resource := range kustomization.Resources {
		if !strings.HasSuffix(resource, ".yaml") {
			continue // ../common, which is read by itself
		}
		file, err := os.Open(filepath.Join(dir, resource))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		objects = append(objects, f.decode(t, file)...)
	}
	return objects
}

func (f *fleet) decode(t *testing.T, file io.Reader) []object {
	t.Helper()
	var objects []object
	decoder := yaml.NewDecoder(file)
	for {
		var next object
		err := decoder.Decode(&next)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		metadata := at(next, "metadata")
		if next["kind"] == "Namespace" {
			metadata["name"] = f.namespace
		} else {
			metadata["namespace"] = f.namespace
		}
		if name, _ := metadata["name"].(string); strings.HasSuffix(name, "-NODE") {
			metadata["name"] = strings.ToLower(name)
			at(next, "spec", "template", "spec")["nodeName"] = testnode.NodeName
		}
		if next["kind"] == "RoleBinding" {
			next["subjects"].([]any)[0].(object)["namespace"] = f.namespace
		}
		objects = append(objects, next)
	}
}

// path is where objects of a kind are created.
func (f *fleet) path(o object) string {
	plural := map[string]string{
		"ServiceAccount": "serviceaccounts", "ConfigMap": "configmaps", "Role": "roles", "RoleBinding": "rolebindings",
		"DaemonSet": "daemonsets", "Job": "jobs", "Pod": "pods",
	}
	kind, version := o["kind"].(string), o["apiVersion"].(string)
	if kind == "Namespace" {
		return "/api/v1/namespaces"
	}
	prefix := "/apis/" + version
	if version == "v1" {
		prefix = "/api/v1"
	}
	return prefix + "/namespaces/" + f.namespace + "/" + plural[kind]
}

func (f *fleet) create(t *testing.T, o object, query string) error {
	t.Helper()
	return f.Do(t.Context(), "", http.MethodPost, f.path(o)+"?fieldValidation=Strict"+query, o, nil)
}

// pod makes a pod of the DaemonSet's template, as its controller and the scheduler
// would. There is no network of pods here, no proxy of Services, and the kubelet has
// another root directory.
func (f *fleet) pod(t *testing.T, daemonSet object) object {
	t.Helper()
	template := at(daemonSet, "spec", "template")
	spec := at(template, "spec")
	spec["nodeName"], spec["hostNetwork"] = testnode.NodeName, true
	host, port, _ := strings.Cut(strings.TrimPrefix(f.URL(), "https://"), ":")
	for _, list := range []string{"initContainers", "containers"} {
		for _, item := range spec[list].([]any) {
			container := item.(object)
			container["image"] = fleetImage
			container["env"] = append(container["env"].([]any),
				object{"name": "KUBERNETES_SERVICE_HOST", "value": host}, object{"name": "KUBERNETES_SERVICE_PORT", "value": port})
			for _, mount := range container["volumeMounts"].([]any) {
				if mount := mount.(object); mount["name"] == "state" {
					mount["mountPath"] = "/host" + filepath.Dir(statefile.Path(f.place.RootDir))
				}
			}
		}
	}
	for _, volume := range spec["volumes"].([]any) {
		if volume := volume.(object); volume["name"] == "state" {
			at(volume, "hostPath")["path"] = filepath.Dir(statefile.Path(f.place.RootDir))
		}
	}
	return object{"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": "fleet", "namespace": f.namespace}, "spec": spec}
}
