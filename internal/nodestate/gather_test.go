package nodestate_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/kubeletconf"
	"github.com/steadylet/steadylet/internal/kubeletproc"
	"github.com/steadylet/steadylet/internal/nodestate"
	"github.com/steadylet/steadylet/internal/programtest"
)

// A kubelet that is stopped has the flags of its unit, as kubeadm sets it up.
func TestStoppedKubeletOfAUnit(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o700)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config := write("config.yaml", "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nstaticPodPath: /none\n")
	write("etc/systemd/system/kubelet.service", "[Service]\nEnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env\nExecStart=/usr/bin/kubelet --config="+config+" $KUBELET_KUBEADM_ARGS\n")
	write("var/lib/kubelet/kubeadm-flags.env", `KUBELET_KUBEADM_ARGS="--root-dir=/data/kubelet --container-runtime-endpoint=unix:///run/crio/crio.sock"`)
	request := nodestate.Request{Program: filepath.Join(dir, "kubelet"), Units: dir}
	if err := programtest.WriteKubelet(request.Program, programtest.Says("v1.30.14")); err != nil {
		t.Fatal(err)
	}
	request.NodeName = "db-3"
	kubelet, _, settings, err := request.Settle(kubeletproc.Proc{})
	want := nodestate.Settings{RootDir: "/data/kubelet", Endpoint: "unix:///run/crio/crio.sock", NodeName: "db-3", ManifestPath: "/none"}
	if err != nil || settings != want || kubelet.PID != 0 || kubelet.Source != "/etc/systemd/system/kubelet.service" {
		t.Errorf("got %+v, %+v (%v)", kubelet, settings, err)
	}
	if root, err := request.RootDir(kubeletproc.Proc{}); err != nil || root != "/data/kubelet" {
		t.Errorf("the root directory is %s (%v)", root, err)
	}
	// A folder of static pods that is missing still ends it, and so does a broken unit.
	if _, _, err := request.Generate(t.Context(), kubeletproc.Proc{}, time.Now()); err == nil || !strings.Contains(err.Error(), "/none, does not exist") {
		t.Errorf("got %v", err)
	}
	// What starts a script isn't the command line of a kubelet.
	write("etc/systemd/system/kubelet.service", "[Service]\nExecStart="+write("start", "#!/bin/sh\n")+" --root-dir=/data/kubelet\n")
	if root, err := request.RootDir(kubeletproc.Proc{}); err != nil || root != nodestate.DefaultRootDir {
		t.Errorf("of a script: the root directory is %s (%v)", root, err)
	}
	write("etc/systemd/system/kubelet.service", "[Service]\n")
	if _, err := request.RootDir(kubeletproc.Proc{}); err == nil || !strings.Contains(err.Error(), "--root-dir") {
		t.Errorf("a broken unit: got %v", err)
	}
}

// The command line comes before the configuration.
func TestKubeletSaysWhatIsSwitchedOn(t *testing.T) {
	no, yes := false, true
	off := kubeletconf.Config{CgroupsPerQOS: &no, RotateCertificates: &yes, FeatureGates: map[string]bool{"A": false}}
	for name, test := range map[string]struct {
		args                     []string
		config                   kubeletconf.Config
		cgroups, rotates, on, is bool
	}{
		"nothing is said":       {nil, kubeletconf.Config{}, true, false, false, false},
		"the configuration":     {nil, off, false, true, false, true},
		"the command line":      {[]string{"kubelet", "--cgroups-per-qos=true", "--rotate-certificates=false", "--feature-gates=B=false,A=true"}, off, true, false, true, true},
		"that is off":           {[]string{"kubelet", "--cgroups_per_qos=false"}, kubeletconf.Config{}, false, false, false, false},
		"a flag of no value":    {[]string{"kubelet", "--cgroups-per-qos", "--rotate-certificates", "--v=2"}, kubeletconf.Config{}, true, true, false, false},
		"a flag twice":          {[]string{"kubelet", "--feature-gates=A=true,B=true", "--feature-gates", "B=false"}, off, false, true, true, true},
		"the last one counts":   {[]string{"kubelet", "--feature-gates=A=false", "--feature-gates=A=true"}, off, false, true, true, true},
		"another name for it":   {[]string{"kubelet", "--feature-gates=C=true"}, kubeletconf.Config{}, true, false, true, true},
		"the first name counts": {[]string{"kubelet", "--feature-gates=C=true"}, off, false, true, false, true},
		"spaces":                {[]string{"kubelet", "--feature-gates=B=false, A = true"}, off, false, true, true, true},
		"a gate of no meaning":  {[]string{"kubelet", "--feature-gates=A=perhaps"}, kubeletconf.Config{}, true, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			k := nodestate.Kubelet{Args: test.args}
			if got := k.PodCgroups(test.config); got != test.cgroups {
				t.Errorf("cgroups of pods: %t, want %t", got, test.cgroups)
			}
			if got := k.Rotates(test.config); got != test.rotates {
				t.Errorf("it rotates: %t, want %t", got, test.rotates)
			}
			if on, is := k.Gate(test.config, "A", "C"); on != test.on || is != test.is {
				t.Errorf("the gate: %t, %t, want %t, %t", on, is, test.on, test.is)
			}
		})
	}
}
