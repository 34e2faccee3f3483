package nodefacts_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/cri/critest"
	"github.com/steadylet/steadylet/internal/doctor"
	"github.com/steadylet/steadylet/internal/kubeletproc"
	"github.com/steadylet/steadylet/internal/nodefacts"
	"github.com/steadylet/steadylet/internal/programtest"
)

// A unit may start a script that looks at no arguments and starts a kubelet. It is not
// run, nor is any other program that is no kubelet, and nothing is said to be known of what
// it would start.
func TestGatherRunsNoStartScript(t *testing.T) {
	for name, test := range map[string]struct {
		command func(t *testing.T, p place) string
		says    string
	}{
		"a script": {func(t *testing.T, p place) string {
			script, err := os.ReadFile("testdata/start-script/start-kubelet.sh")
			if err != nil {
				t.Fatal(err)
			}
			p.program(t, "start-kubelet.sh", programtest.Write, p.here(string(script)))
			return p.path("start-kubelet.sh")
		}, `is no kubelet: it is a script ("#!/bin/sh"), and was not run`},
		"another program": {func(t *testing.T, p place) string {
			p.program(t, "start-kubelet", programtest.WriteOther, "touch "+p.path("ran")+"\n"+programtest.Says("v1.30.14"))
			return p.path("start-kubelet") + " --config=" + p.path("config.yaml")
		}, "it is the program k8s.io/kubernetes/cmd/kubemark, and was not run"},
		"a name": {func(*testing.T, place) string { return "kubelet --version" }, "starts kubelet, which is no absolute path"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, critest.Serve(t, &critest.Runtime{}))
			p.program(t, "kubelet", programtest.WriteKubelet, "touch "+p.path("ran")+"\n"+programtest.Says("v1.30.14"))
			unit, err := os.ReadFile("testdata/start-script/kubelet.service")
			if err != nil {
				t.Fatal(err)
			}
			p.write(t, "units/etc/systemd/system/kubelet.service", strings.Replace(string(unit), "/opt/k8s/start-kubelet.sh", test.command(t, p), 1), 0o600)
			p.request.Program, p.request.Config = "", p.path("config.yaml")
			t.Chdir(p.dir) // where a program is that is called kubelet
			facts, err := nodefacts.Gather(t.Context(), p.request, kubeletproc.Proc{Root: t.TempDir()}, time.Now())
			if err != nil || facts.Kubelet.Program != "" || facts.Kubelet.Source != "" || facts.From.Known() {
				t.Errorf("got %+v of %s (%v)", facts.Kubelet, facts.From, err)
			}
			if facts.Unit.Other == nil || !strings.Contains(facts.Unit.Other.Error(), test.says) {
				t.Errorf("the unit starts: %v", facts.Unit.Other)
			}
			if _, err := os.Lstat(p.path("ran")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("it was run (%v)", err)
			}
			for _, finding := range doctor.Diagnose(facts) {
				if finding.Check == "kubelet" && (finding.Severity != doctor.Error || !strings.Contains(finding.Summary, test.says)) {
					t.Errorf("got %+v", finding)
				}
			}
		})
	}
}

// here has the paths of the fixture lead to the made-up node.
func (p place) here(text string) string {
	return strings.NewReplacer(
		"/var/lib/kubelet/STARTED-BY-DOCTOR", p.path("ran"), "/usr/local/bin/kubelet", p.path("kubelet"), "/var/lib/kubelet", p.dir,
	).Replace(text)
}
