package nodefacts_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/steadylet/steadylet/internal/certs/certstest"
	"github.com/steadylet/steadylet/internal/cri"
	"github.com/steadylet/steadylet/internal/cri/critest"
	"github.com/steadylet/steadylet/internal/doctor"
	"github.com/steadylet/steadylet/internal/kubeletproc"
	"github.com/steadylet/steadylet/internal/nodefacts"
	"github.com/steadylet/steadylet/internal/nodestate"
	"github.com/steadylet/steadylet/internal/podmanifest"
	"github.com/steadylet/steadylet/internal/programtest"
)

// place is a made-up node.
type place struct {
	dir     string
	request nodefacts.Request
}

// newPlace has a kubelet that stands still, with a unit of systemd, and one static pod.
func newPlace(t *testing.T, endpoint string) place {
	t.Helper()
	p := place{dir: t.TempDir()}
	p.program(t, "kubelet", programtest.WriteKubelet, programtest.Says("v1.30.14"))
	p.write(t, "root/cpu_manager_state", `{"policyName":"none","defaultCpuSet":"","checksum":1}`, 0o600)
	p.write(t, "config.yaml", "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nstaticPodPath: manifests\ncgroupDriver: systemd\ncgroupsPerQOS: false\nfeatureGates: {SeccompDefault: true}\n", 0o600)
	p.write(t, "manifests/etcd.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: etcd}\nspec:\n  containers:\n  - resizePolicy: [{restartPolicy: RestartContainer}]\n"+
		"  initContainers:\n  - restartPolicy: Always\n", 0o600)
	p.write(t, "units/etc/systemd/system/kubelet.service", "[Service]\nExecStart=/usr/bin/kubelet --config="+p.path("config.yaml")+
		" --root-dir="+p.path("root")+" --container-runtime-endpoint="+endpoint+" --keep-terminated-pod-volumes=true\n", 0o600)
	p.request.Program, p.request.NodeName, p.request.Within, p.request.Units = p.path("kubelet"), "db-3", cri.DefaultWithin, p.path("units")
	to, err := doctor.ParseRelease("v1.31.0")
	if err != nil {
		t.Fatal(err)
	}
	p.request.To = to
	return p
}

func (p place) path(name string) string { return filepath.Join(p.dir, name) }

func (p place) write(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	path := p.path(name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), mode)); err != nil {
		t.Fatal(err)
	}
}

// program writes a program by a function of programtest.
func (p place) program(t *testing.T, name string, write func(path, text string) error, text string) {
	t.Helper()
	path := p.path(name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), write(path, text)); err != nil {
		t.Fatal(err)
	}
}

func (p place) gather(t *testing.T) doctor.Facts {
	t.Helper()
	facts, err := nodefacts.Gather(t.Context(), p.request, kubeletproc.Here(), time.Now().Add(2*time.Minute)) // after the sandbox was made
	if err != nil {
		t.Fatal(err)
	}
	return facts
}

// The flags of a kubelet that stands still are those of its unit, and all else follows
// from them.
func TestGather(t *testing.T) {
	driver := runtimeapi.CgroupDriver_CGROUPFS
	sandbox := critest.Sandbox("default", "etcd-db-3", "uid", time.Now().Add(time.Minute))
	ended := critest.Sandbox("default", "old", "gone", time.Now())
	ended.State = runtimeapi.PodSandboxState_SANDBOX_NOTREADY
	p := newPlace(t, critest.Serve(t, &critest.Runtime{
		CgroupDriver: &driver, Sandboxes: []*runtimeapi.PodSandbox{sandbox, ended},
		Containers: []*runtimeapi.Container{{Id: "c", PodSandboxId: sandbox.Id}},
	}))
	f := p.gather(t)
	if f.Node != "db-3" || f.From.String() != "v1.30.14" || f.Kubelet.PID != 0 || f.Kubelet.Source != "/etc/systemd/system/kubelet.service" {
		t.Errorf("the kubelet is %+v of %s on %s", f.Kubelet, f.From, f.Node)
	}
	if r := f.Runtime; r.Err != nil || r.API != "v1" || r.CgroupDriver != "cgroupfs" || len(r.Sandboxes) != 1 || r.Sandboxes[0].Running != 1 {
		t.Errorf("the runtime is %+v", r)
	}
	if f.Cgroups.Configured != "systemd" || !f.CPUs.Exists || f.CPUs.Recorded != "none" || f.Memory.Exists {
		t.Errorf("got %+v, %+v, %+v", f.Cgroups, f.CPUs, f.Memory)
	}
	if s := f.StaticPods; s.Err != nil || s.Pods != 1 || len(s.Loose) != 1 || s.Loose[0] != "default/etcd-db-3" || len(s.LeftOut) != 0 {
		t.Errorf("the static pods are %+v", s)
	}
	if len(f.Pods.RestartOnResize) != 1 || len(f.Pods.Sidecars) != 1 || f.Pods.Err != nil {
		t.Errorf("the pods are %+v", f.Pods)
	}
	if len(f.Kubelet.Gates) != 1 || f.Kubelet.Gates[0] != "SeccompDefault" || !f.Cgroups.NoPods || f.Package != (doctor.Package{}) {
		t.Errorf("got %v, %+v, %+v", f.Kubelet.Gates, f.Cgroups, f.Package)
	}
	if f.State.Condition != "missing" || f.Folder.Err != nil || f.Folder.Free <= 0 || f.WayBack.Copies != nil {
		t.Errorf("got %+v, %+v, %+v", f.State, f.Folder, f.WayBack)
	}
	if _, err := os.Lstat(p.path("root/steadylet")); !os.IsNotExist(err) {
		t.Errorf("looking made the state folder (%v)", err)
	}
}

// What makes the next kubelet behave as stock is found where that is set.
func TestGatherWhatSwitchesOff(t *testing.T) {
	const dropIn = "units/etc/systemd/system/kubelet.service.d/20-steadylet.conf"
	for name, test := range map[string]struct {
		change func(*testing.T, *place)
		want   string
	}{
		"nothing":  {func(*testing.T, *place) {}, ""},
		"the file": {func(t *testing.T, p *place) { p.write(t, "root/steadylet/disable", "", 0o600) }, "the file ROOT/steadylet/disable"},
		"the unit": {func(t *testing.T, p *place) {
			p.write(t, dropIn, "[Service]\nEnvironmentFile=/environment\n", 0o600)
			p.write(t, "units/environment", "# as packaged\nSTEADYLET_DISABLE=0\n", 0o600)
		}, "STEADYLET_DISABLE=0 in /etc/systemd/system/kubelet.service"},
		"commented out": {func(t *testing.T, p *place) {
			p.write(t, dropIn, "[Service]\nEnvironmentFile=/environment\n", 0o600)
			p.write(t, "units/environment", "#STEADYLET_DISABLE=1\n", 0o600)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, critest.Serve(t, &critest.Runtime{}))
			test.change(t, &p)
			want := strings.Replace(test.want, "ROOT", p.path("root"), 1)
			if got := p.gather(t).State.SwitchedOff; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// Where no kubelet runs and none is named, it is the unit's.
func TestGatherTheUnitsKubelet(t *testing.T) {
	p := newPlace(t, critest.Serve(t, &critest.Runtime{}))
	p.request.Program = ""
	p.write(t, "units/etc/systemd/system/kubelet.service.d/10.conf",
		"[Service]\nExecStart=\nExecStart="+p.path("kubelet")+" --root-dir="+p.path("root")+" --config="+p.path("config.yaml")+"\n", 0o600)
	facts, err := nodefacts.Gather(t.Context(), p.request, kubeletproc.Proc{Root: t.TempDir()}, time.Now())
	if err != nil || facts.Kubelet.Program != p.path("kubelet") || facts.From.String() != "v1.30.14" || len(facts.Unit.DropIns) != 1 {
		t.Errorf("got %+v of %s, %+v (%v)", facts.Kubelet, facts.From, facts.Unit, err)
	}
}

// What is wrong with the node is in the facts, and stops nothing else.
func TestGatherBadNodes(t *testing.T) {
	works := critest.Serve(t, &critest.Runtime{})
	for name, test := range map[string]struct {
		endpoint string
		change   func(*testing.T, *place)
		err      func(doctor.Facts) error
		want     string
	}{
		"a runtime that hangs": {critest.Serve(t, &critest.Runtime{Hang: true}), func(_ *testing.T, p *place) { p.request.Within = 100 * time.Millisecond },
			func(f doctor.Facts) error { return f.Runtime.Err }, cri.ErrHangs.Error()},
		"no runtime": {"unix:///none.sock", nil, func(f doctor.Facts) error { return f.Runtime.Err }, "can't be reached"},
		"no CRI":     {critest.Serve(t, nil), nil, func(f doctor.Facts) error { return f.Runtime.Err }, cri.ErrNoCRI.Error()},
		"another answer": {works, func(t *testing.T, p *place) { p.program(t, "kubelet", programtest.WriteKubelet, "echo hello\n") },
			func(f doctor.Facts) error { return f.Kubelet.VersionErr }, "not a kubelet's answer"},
		"no kubelet": {works, func(t *testing.T, p *place) {
			p.program(t, "kubelet", programtest.WriteOther, programtest.Says("v1.30.14"))
		},
			func(f doctor.Facts) error { return f.Kubelet.Err }, "is no kubelet: it is the program k8s.io/kubernetes/cmd/kubemark, and was not run"},
		"no manifests": {works, func(t *testing.T, p *place) {
			if err := os.RemoveAll(p.path("manifests")); err != nil {
				t.Fatal(err)
			}
		}, func(f doctor.Facts) error { return f.StaticPods.Err }, "does not exist"},
		"a state folder that is a file": {works, func(t *testing.T, p *place) { p.write(t, "root/steadylet", "", 0o600) },
			func(f doctor.Facts) error { return f.Folder.Err }, "is not a folder"},
		"a state folder of another user": {works, func(t *testing.T, p *place) {
			programtest.NeedsRoot(t)
			if err := errors.Join(os.Mkdir(p.path("root/steadylet"), 0o700), os.Chown(p.path("root/steadylet"), 12, 12)); err != nil {
				t.Fatal(err)
			}
		}, func(f doctor.Facts) error { return f.Folder.Err }, "belongs to user 12"},
		"a broken checkpoint": {works, func(t *testing.T, p *place) { p.write(t, "root/memory_manager_state", "{", 0o600) },
			func(f doctor.Facts) error { return f.Memory.Err }, "not as the kubelet writes it"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, test.endpoint)
			if test.change != nil {
				test.change(t, &p)
			}
			facts := p.gather(t)
			if err := test.err(facts); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if facts.CPUs.Recorded != "none" || facts.Cgroups.Configured != "systemd" {
				t.Error("the rest is not gathered")
			}
			if doctor.Worst(doctor.Diagnose(facts)) != doctor.Error {
				t.Error("it is no error")
			}
		})
	}
}

// No kubelet starts with a certificate that lies in its kubeconfig and has expired, whatever
// the certificate is that it keeps, if there is nothing to bootstrap with.
func TestGatherAnExpiredCertificateInTheKubeconfig(t *testing.T) {
	p := newPlace(t, critest.Serve(t, &critest.Runtime{}))
	now := time.Now()
	authority := certstest.Make(t, "kubernetes", now, time.Hour, nil)
	expired := certstest.Make(t, "system:node:db-3", now.Add(-400*24*time.Hour), 365*24*time.Hour, authority)
	valid := certstest.Make(t, "system:node:db-3", now, 365*24*time.Hour, authority)
	expired.WriteKubeconfig(t, p.path("kubelet.conf"), authority)
	p.write(t, "pki/kubelet-client-current.pem", string(valid.CertificatePEM())+string(valid.KeyPEM(t)), 0o600)
	p.write(t, "config.yaml", "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nrotateCertificates: true\n", 0o600)
	p.write(t, "units/etc/systemd/system/kubelet.service", "[Service]\nExecStart=/usr/bin/kubelet --config="+p.path("config.yaml")+" --root-dir="+p.path("root")+
		" --cert-dir="+p.path("pki")+" --kubeconfig="+p.path("kubelet.conf")+" --bootstrap-kubeconfig="+p.path("bootstrap.conf")+"\n", 0o600)
	for _, finding := range doctor.Diagnose(p.gather(t)) {
		if finding.Severity == doctor.Error && strings.Contains(finding.Summary, p.path("kubelet.conf")+" has a client certificate that expired on ") &&
			strings.Contains(finding.Summary, p.path("bootstrap.conf")+" (--bootstrap-kubeconfig) does not exist: no kubelet starts with that") &&
			strings.Contains(finding.Remedy, p.path("pki/kubelet-client-current.pem")) {
			return
		}
	}
	t.Error("doctor does not say so")
}

// Copies of the kubelet are kubelets by their content, beside it or in the backup folder.
func TestGatherTheWayBack(t *testing.T) {
	p := newPlace(t, critest.Serve(t, &critest.Runtime{}))
	p.request.BackupDir = p.path("backups")
	if way := p.gather(t).WayBack; way.Err != nil || way.Copies != nil {
		t.Errorf("without any: %+v", way)
	}
	for _, name := range []string{"kubelet.stock", "backups/kubelet-20261124T120000Z-v1.30.14"} {
		p.program(t, name, programtest.WriteKubelet, "")
	}
	p.program(t, "kubelet.start", programtest.Write, "#!/bin/sh\n")
	p.program(t, "backups/kubelet-proxy", programtest.WriteOther, "")
	for _, name := range []string{"kubelet.manifest.json", "backups/kubelet-20261124T120000Z-v1.30.14.sha256"} {
		p.write(t, name, "", 0o600)
	}
	p.program(t, "kubelet.debug", programtest.WriteKubelet, "")
	want := []string{p.path("kubelet.stock"), p.path("backups/kubelet-20261124T120000Z-v1.30.14")}
	if way := p.gather(t).WayBack; way.Err != nil || !slices.Equal(way.Copies, want) {
		t.Errorf("got %+v, want %v", way, want)
	}
}

// A kubelet whose configuration is broken is a finding, unless the request names it.
func TestGatherABrokenConfiguration(t *testing.T) {
	p := newPlace(t, critest.Serve(t, &critest.Runtime{}))
	p.write(t, "config.yaml", "kind: Secret\n", 0o600)
	p.write(t, "units/etc/systemd/system/kubelet.service", "[Service]\nExecStart="+p.path("kubelet")+" --config="+p.path("config.yaml")+"\n", 0o600)
	p.request.Program = ""
	facts, err := nodefacts.Gather(t.Context(), p.request, kubeletproc.Proc{Root: t.TempDir()}, time.Now())
	if err != nil || facts.Kubelet.Err == nil || !strings.Contains(facts.Kubelet.Err.Error(), "not a KubeletConfiguration") {
		t.Errorf("got %v (%v)", facts.Kubelet.Err, err)
	}
	p.request.Config = p.path("config.yaml")
	if _, err := nodefacts.Gather(t.Context(), p.request, kubeletproc.Proc{Root: t.TempDir()}, time.Now()); err == nil {
		t.Error("one that is named: no error")
	}
}

// Where no kubelet is found there are facts all the same.
func TestGatherWithoutAKubelet(t *testing.T) {
	proc := kubeletproc.Proc{Root: t.TempDir(), User: os.Geteuid()}
	request := nodefacts.Request{Request: nodestate.Request{Within: cri.DefaultWithin, Overrides: nodestate.Overrides{Endpoint: critest.Serve(t, &critest.Runtime{})}}}
	facts, err := nodefacts.Gather(t.Context(), request, proc, time.Now())
	if err != nil || facts.Kubelet.Err == nil || facts.Runtime.Err != nil || facts.Pods.Err == nil {
		t.Errorf("got %+v, %+v (%v)", facts.Kubelet, facts.Runtime, err)
	}
	request.Program, request.Config = "/bin/true", "/none.yaml"
	if _, err := nodefacts.Gather(t.Context(), request, proc, time.Now()); err == nil || !strings.Contains(err.Error(), "/none.yaml") {
		t.Errorf("a configuration that is not there: got %v", err)
	}
}

// What static pods name is gathered with the feature gates that say whether it matters.
func TestGatherWhatStaticPodsName(t *testing.T) {
	on, off := true, false
	for name, test := range map[string]struct {
		gates, flags string
		want         *bool
	}{
		"no gate":              {"", "", nil},
		"the configuration":    {"featureGates: {PreventStaticPodAPIReferences: false}\n", "", &off},
		"the command line":     {"featureGates: {PreventStaticPodAPIReferences: false}\n", " --feature-gates=PreventStaticPodAPIReferences=true", &on},
		"a flag that is twice": {"", " --feature-gates=PreventStaticPodAPIReferences=false --feature-gates=NodeSwap=true", &off},
		"all beta gates":       {"featureGates: {AllBeta: false}\n", "", &off},
		"but for this one":     {"featureGates: {PreventStaticPodAPIReferences: true}\n", " --feature-gates=AllBeta=false", &on},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, critest.Serve(t, &critest.Runtime{}))
			p.write(t, "config.yaml", "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nstaticPodPath: manifests\n"+test.gates, 0o600)
			p.write(t, "units/etc/systemd/system/kubelet.service", "[Service]\nExecStart=/usr/bin/kubelet --config="+p.path("config.yaml")+test.flags+"\n", 0o600)
			p.write(t, "manifests/proxy.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: proxy, namespace: kube-system}\nspec:\n  imagePullSecrets: [{name: a}]\n", 0o600)
			p.write(t, "manifests/notes.yaml", "kind: Notes\n", 0o600)
			if err := syscall.Mkfifo(p.path("manifests/pipe"), 0o600); err != nil {
				t.Fatal(err)
			}
			got := p.gather(t).StaticPods
			referring := []doctor.Referring{{Pod: "kube-system/proxy-db-3", Manifest: p.path("manifests/proxy.yaml"),
				References: []podmanifest.Reference{{Field: "spec.imagePullSecrets[0].name", Object: "secret"}}}}
			if diff := cmp.Diff(referring, got.Referring); diff != "" || !slices.Equal(got.Unread, []string{p.path("manifests/pipe")}) {
				t.Errorf("unread %v, -want +got:\n%s", got.Unread, diff)
			}
			if diff := cmp.Diff(test.want, got.ReferencesGate); diff != "" {
				t.Errorf("the gate, -want +got:\n%s", diff)
			}
		})
	}
}
