package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/doctor"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/testnode"
	"github.com/steadylet/steadylet/magefiles/internal/upgrade"
	"github.com/steadylet/steadylet/statefile"
)

// fleetImage is what the manifests' image becomes.
const fleetImage = "steadylet.local/steadylet:v1"

// fleetTarget is the version that the nodes are looked at for: one for which the pods
// have to be listed.
const fleetTarget = "v1.36.3"

// object is one of the API.
type object = map[string]any

// at returns the object at a path within another.
func at(o object, path ...string) object {
	for _, name := range path {
		o, _ = o[name].(object)
	}
	return o
}

// fleetPrograms returns a stock kubelet and the API server of its version.
func fleetPrograms(t *testing.T) (kubelet, apiserver string) {
	t.Helper()
	if *ready != "" {
		folder := filepath.Join(*ready, "v1.31.0", "linux-"+runtime.GOARCH, "stock-debug")
		return filepath.Join(folder, "kubelet"), filepath.Join(folder, "kube-apiserver")
	}
	p := open(t)
	tree := fetch(t, p, pipeline.SourceOptions{Version: "v1.31.0", Kind: "module"})
	return compile(t, p, tree, pipeline.StockSeries).Path, compileProgram(t, p, tree, pipeline.StockSeries, "kube-apiserver").Path
}

// The manifests are right, ask for no more than they say, and do what they are for: a
// real API server checks them, and a real kubelet runs the DaemonSet's pod.
func TestFleet(t *testing.T) {
	needsCluster(t)
	command := buildSteadylet(t)
	kubelet, apiserver := fleetPrograms(t)
	f := startFleet(t, apiserver)
	f.checkLevel(t)
	var daemonSet object
	for _, o := range f.manifests(t, "common") {
		if err := f.applyCommon(t, o); err != nil {
			t.Fatalf("%s %s: %v", o["kind"], at(o, "metadata")["name"], err)
		}
	}
	for _, folder := range []string{"daemonset", "job"} {
		for _, o := range f.manifests(t, folder) {
			if err := f.create(t, o, "&dryRun=All"); err != nil {
				t.Errorf("%s: %v", folder, err)
			}
			if o["kind"] == "DaemonSet" {
				daemonSet = o
			}
		}
	}
	f.run(t, command, kubelet, daemonSet)
	f.checkRights(t)
	f.checkReport(t, command)
}

// applyCommon creates an object. The namespace is there, without its labels.
func (f *fleet) applyCommon(t *testing.T, o object) error {
	t.Helper()
	if o["kind"] == "ConfigMap" {
		at(o, "data")["to"] = fleetTarget
	}
	if o["kind"] != "Namespace" {
		return f.create(t, o, "")
	}
	return f.Do(t.Context(), "", http.MethodPut, "/api/v1/namespaces/"+f.namespace+"?fieldValidation=Strict", o, nil)
}

// checkLevel shows that nothing but the volumes forces the namespace's level: without
// them the pods are within baseline.
func (f *fleet) checkLevel(t *testing.T) {
	t.Helper()
	labelled := object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{
		"name": f.namespace, "labels": object{"pod-security.kubernetes.io/enforce": "baseline"},
	}}
	if err := f.applyCommon(t, labelled); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"daemonset", "job"} {
		spec := at(f.manifests(t, folder)[0], "spec", "template", "spec")
		pod := object{"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": "level", "namespace": f.namespace}, "spec": spec}
		err := f.create(t, pod, "&dryRun=All")
		const want = `violates PodSecurity \"baseline:latest\": hostPath volumes (volumes \"host\", \"state\")"`
		if upgrade.StatusCode(err) != http.StatusForbidden || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: under baseline it says %v, want %s", folder, err, want)
		}
	}
}

// run starts a kubelet and a pod of the DaemonSet, and waits for its report.
func (f *fleet) run(t *testing.T, command steadylet, kubelet string, daemonSet object) {
	t.Helper()
	program, err := os.ReadFile(string(command))
	if err == nil {
		err = f.node.Runtime.ImportProgram(t.Context(), fleetImage, program)
	}
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(f.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	trust := object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "kube-root-ca.crt"}, "data": object{"ca.crt": string(authority)}}
	if err := errors.Join(f.create(t, trust, ""), f.create(t, f.pod(t, daemonSet), "")); err != nil {
		t.Fatal(err)
	}
	version, err := kubever.Parse("v1.31.0")
	if err != nil {
		t.Fatal(err)
	}
	running, err := f.node.StartKubelet("kubelet", kubelet, version, f.place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(); err != nil {
			t.Error(err)
		}
	})
	err = running.Wait(t.Context(), 2*time.Minute, "the pod of the DaemonSet", func() (bool, error) {
		var pod struct{ Status struct{ Phase string } }
		err := f.Do(t.Context(), "", http.MethodGet, "/api/v1/namespaces/"+f.namespace+"/pods/fleet", nil, &pod)
		return pod.Status.Phase == "Running", err
	})
	if err != nil {
		f.logPod(t)
		t.Fatal(err)
	}
}

// logPod shows what the pod's containers wrote.
func (f *fleet) logPod(t *testing.T) {
	t.Helper()
	logs, _ := filepath.Glob(filepath.Join(f.place.LogDir, "*", "*", "*.log")) // the pattern is well formed
	for _, path := range logs {
		data, err := os.ReadFile(path)
		t.Logf("%s (%v):\n%s", path, err, data)
	}
}

// checkRights shows that the service account may do what it is for, and no more.
func (f *fleet) checkRights(t *testing.T) {
	t.Helper()
	var answer struct{ Status struct{ Token string } }
	request := object{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": object{}}
	path := "/api/v1/namespaces/" + f.namespace
	if err := f.Do(t.Context(), "", http.MethodPost, path+"/serviceaccounts/steadylet/token", request, &answer); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{
		path + "/configmaps", path + "/configmaps/upgrade", path + "/secrets", path + "/pods", "/api/v1/pods", "/api/v1/nodes", "/api/v1/namespaces/default/configmaps",
	} {
		if err := f.Do(t.Context(), answer.Status.Token, http.MethodGet, what, nil, nil); upgrade.StatusCode(err) != http.StatusForbidden {
			t.Errorf("GET %s: got %v, want it forbidden", what, err)
		}
	}
	elsewhere := object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "x"}}
	if err := f.Do(t.Context(), answer.Status.Token, http.MethodPost, "/api/v1/namespaces/default/configmaps", elsewhere, nil); upgrade.StatusCode(err) != http.StatusForbidden {
		t.Errorf("a config map elsewhere: got %v, want it forbidden", err)
	}
}

// checkReport looks at what the pod has left: a state file, and its node's report,
// which the command sums up.
func (f *fleet) checkReport(t *testing.T, command steadylet) {
	t.Helper()
	state, err := statefile.Load(statefile.Path(f.place.RootDir))
	if err != nil || state.Kubelet.Version != "v1.31.0" || time.Since(state.Kubelet.StartTime) > 5*time.Minute {
		t.Errorf("the state is %+v (%v)", state, err)
	}
	var list any
	query := "?labelSelector=app.kubernetes.io/component%3Ddoctor-report"
	if err := f.Do(t.Context(), "", http.MethodGet, "/api/v1/namespaces/"+f.namespace+"/configmaps"+query, nil, &list); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	reports, err := doctor.ReadReports(bytes.NewReader(data))
	if err != nil || len(reports) != 1 {
		t.Fatalf("reports %+v (%v)", reports, err)
	}
	mustBeSeen := []string{"kubelet", "flags", "runtime", "cgroup-driver", "sandboxes", "resize-policy"}
	for _, finding := range reports[0].Findings {
		t.Logf("%s %s: %s", finding.Severity, finding.Check, finding.Summary)
		if finding.Severity == doctor.Error || slices.Contains(mustBeSeen, finding.Check) && finding.Severity != doctor.OK {
			t.Errorf("found %+v", finding)
		}
	}
	if reports[0].Node != testnode.NodeName || reports[0].From != "v1.31.0" || reports[0].To != fleetTarget {
		t.Errorf("the report is of %+v", reports[0])
	}
	cmd := exec.CommandContext(t.Context(), string(command), "doctor", "--summary", "-o", "table")
	cmd.Stdin = bytes.NewReader(data)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), testnode.NodeName+" ") {
		t.Errorf("the summary is (%v)\n%s", err, out)
	}
}
