package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/testnode"
	"github.com/steadylet/steadylet/magefiles/internal/upgrade"
)

// supervised is a node whose kubelet runs under runit, with the scripts beside the node
// command as they are installed.
type supervised struct {
	*stateNode
	// installed is the kubelet that runit runs, kit the folder of scripts.
	installed, kit, backups string
	supervisor              *testnode.Process
}

// retiredGate is a feature gate that 1.30 knows and 1.31 does not
// (pkg/features/kube_features.go): a kubelet ends when its configuration has one that it
// does not know.
const retiredGate = "ReadWriteOncePod"

// superviseKubelet starts a node with a stock kubelet under runit, and waits for its pods:
// two static ones, and one of an API server if there is one. The kubelet's configuration
// may have the retired gate.
func superviseKubelet(t *testing.T, stock string, retired bool, apiserver string) *supervised {
	t.Helper()
	command := buildSteadylet(t)
	s := &supervised{stateNode: startStateNode(t)}
	s.installed, s.kit, s.backups = filepath.Join(s.Dir(), "bin", "kubelet"), filepath.Join(s.Dir(), "kit"), filepath.Join(s.Dir(), "backups", "kubelets")
	for _, folder := range []string{filepath.Dir(s.installed), s.kit, filepath.Join(s.Dir(), "service")} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	copyFile(t, stock, s.installed)
	copyFile(t, string(command), filepath.Join(s.kit, "steadylet"))
	scripts := filepath.Join("..", "..", "..", "scripts")
	read, err := filepath.Glob(filepath.Join(scripts, "*.bash"))
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range append(read, filepath.Join(scripts, "upgrade-kubelet"), filepath.Join(scripts, "rollback-kubelet"), filepath.Join(scripts, "generate-state.sh")) {
		copyFile(t, script, filepath.Join(s.kit, filepath.Base(script)))
	}
	s.addFixedPod(t)
	pods := 2
	if apiserver != "" {
		s.addPod(t, apiserver)
		pods++
	}
	s.configure(t, retired)
	s.supervise(t, pods)
	return s
}

// addPod starts an API server, and creates a pod with a volume there.
func (s *supervised) addPod(t *testing.T, apiserver string) {
	t.Helper()
	server, err := upgrade.StartServer(t.Context(), s.Node, apiserver)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	s.place.Kubeconfig = server.Kubeconfig()
	pod := object{"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": "served", "namespace": s.Name()}, "spec": object{
		"nodeName": testnode.NodeName, "hostNetwork": true, "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false,
		"tolerations": []object{{"operator": "Exists"}},
		"volumes":     []object{{"name": "data", "emptyDir": object{}}},
		"containers": []object{{
			"name": "served", "image": testnode.AppImage, "imagePullPolicy": "Never",
			"env":          []object{{"name": "NODE", "valueFrom": object{"fieldRef": object{"fieldPath": "spec.nodeName"}}}},
			"volumeMounts": []object{{"name": "data", "mountPath": "/data"}},
		}},
	}}
	if err := server.Do(t.Context(), "", http.MethodPost, "/api/v1/namespaces/"+s.Name()+"/pods?fieldValidation=Strict", pod, nil); err != nil {
		t.Fatal(err)
	}
}

// supervise starts runit with a run script, writes the programs that stop and start the
// kubelet, and waits until so many pods run.
func (s *supervised) supervise(t *testing.T, pods int) {
	t.Helper()
	service := filepath.Join(s.Dir(), "service")
	version, err := kubever.Parse("v1.30.14")
	if err != nil {
		t.Fatal(err)
	}
	run := fmt.Sprintf("#!/bin/sh\nexec %s %s >>%s/kubelet.log 2>&1\n", s.installed, strings.Join(s.place.Flags(version), " "), s.Dir())
	for path, text := range map[string]string{
		filepath.Join(service, "run"): run,
		filepath.Join(s.kit, "stop"):  "#!/bin/sh\nexec sv -w 60 stop " + service + "\n",
		filepath.Join(s.kit, "start"): "#!/bin/sh\nexec sv start " + service + "\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if s.supervisor, err = s.Start("runsv", "runsv", service); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("sv", "-w", "30", "exit", service).CombinedOutput(); err != nil {
			t.Errorf("ending the supervisor: %v: %s", err, out)
		}
	})
	err = s.supervisor.Wait(t.Context(), 2*time.Minute, "the pods", func() (bool, error) { return len(s.running(t)) == pods, nil })
	if err != nil {
		t.Fatalf("%v\n%s", err, s.kubeletLog())
	}
}

// addFixedPod adds a static pod with a UID of its own: only its hash can move.
func (s *supervised) addFixedPod(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile(s.manifest)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(data), "name: app\n", "name: fixed\n")
	text = strings.Replace(text, "metadata:\n", "metadata:\n  uid: 5f7e1ad5-0000-4000-8000-000000000003\n", 1)
	if err := os.WriteFile(filepath.Join(s.place.ManifestDir, "fixed.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// configure writes the configuration of 1.30, which 1.31 reads too unless it has the
// retired gate.
func (s *supervised) configure(t *testing.T, retired bool) {
	t.Helper()
	version, err := kubever.Parse("v1.30.14")
	if err != nil {
		t.Fatal(err)
	}
	config, err := s.place.Config(version)
	if err != nil {
		t.Fatal(err)
	}
	if retired {
		var fields map[string]any
		err = json.Unmarshal(config, &fields)
		fields["featureGates"] = map[string]bool{retiredGate: true}
		if err == nil {
			config, err = json.Marshal(fields)
		}
	}
	if err := errors.Join(err, os.WriteFile(s.place.ConfigFile, config, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// running returns the IDs of the containers that run, by name.
func (s *supervised) running(t *testing.T) map[string]string {
	t.Helper()
	list, err := s.Runtime.Containers(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, container := range list {
		if container.Running {
			found[container.Name] = container.ID
		}
	}
	return found
}

func (s *supervised) kubeletLog() string {
	data, err := os.ReadFile(filepath.Join(s.Dir(), "kubelet.log"))
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-3000):])
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
}
