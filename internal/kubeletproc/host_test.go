package kubeletproc

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/programtest"
)

// hostProcess is a process of the host as a container sees it: it can't read its links.
type hostProcess struct {
	pid                    int
	cmdline, cgroup, nspid string
}

func makeHostProc(t *testing.T, processes ...hostProcess) Proc {
	t.Helper()
	root := t.TempDir()
	for _, p := range processes {
		for name, content := range map[string]string{
			"cmdline": p.cmdline, "cgroup": p.cgroup, "stat": fixture(t, "pid.stat"),
			"status": strings.Replace(fixture(t, "status"), "77", "0", 1) + "NSpid:\t" + p.nspid + "\n",
		} {
			path := filepath.Join(root, strconv.Itoa(p.pid), name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		// For root in a test a link can be read: it must not be looked at.
		if err := os.Symlink("/elsewhere/kubelet", filepath.Join(root, strconv.Itoa(p.pid), "exe")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "stat"), []byte(fixture(t, "stat")), 0o600); err != nil {
		t.Fatal(err)
	}
	return Proc{Root: root, User: 0, OfHost: true}
}

func TestFindFromAContainer(t *testing.T) {
	proc := makeHostProc(t,
		hostProcess{7, "/usr/bin/kubelet\x00--root-dir=data\x00", "0::/system.slice/kubelet.service\n", "7"},
		hostProcess{8, "kubelet\x00", "0::/kubepods.slice/kubepods-pod1.slice/cri-1.scope\n", "8"},
		hostProcess{9, "kubelet\x00", "0::/system.slice/docker-1.scope\n", "9\t1"},
	)
	found, err := proc.Find()
	if err != nil || len(found) != 3 {
		t.Fatalf("found %+v, %v", found, err)
	}
	process, err := Only(found, 0)
	if err != nil || process.PID != 7 || process.Executable != "/usr/bin/kubelet" || process.Dir != "/" || process.Started.IsZero() {
		t.Errorf("chose %+v, %v", process, err)
	}
}

// A program of the host is run only if it is a kubelet, if nobody else could have put it
// there, and if it is what the process was started from.
func TestOpenOfHost(t *testing.T) {
	program, script := filepath.Join(t.TempDir(), "kubelet"), filepath.Join(t.TempDir(), "kubelet")
	if err := errors.Join(programtest.WriteKubelet(program, ""), programtest.Write(script, "#!/bin/sh\n")); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	for name, test := range map[string]struct {
		program string
		user    int
		mode    os.FileMode
		started time.Time
		says    string
	}{
		"the one":         {program, os.Geteuid(), 0o755, later, ""},
		"another user's":  {program, os.Geteuid() + 1, 0o755, later, "by others"},
		"for everybody":   {program, os.Geteuid(), 0o777, later, "by others"},
		"replaced since":  {program, os.Geteuid(), 0o755, time.Now().Add(-time.Hour), "after the kubelet started"},
		"a relative path": {"kubelet", os.Geteuid(), 0o755, later, "not absolute"},
		"a script":        {script, os.Geteuid(), 0o755, later, "is no kubelet"},
		"a folder":        {filepath.Dir(program), os.Geteuid(), 0o755, later, "is not a regular file"},
		"none":            {program + "x", os.Geteuid(), 0o755, later, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.Chmod(program, test.mode); err != nil {
				t.Fatal(err)
			}
			opened, err := Proc{User: test.user, OfHost: true}.open(Process{Executable: test.program, Started: test.started})
			if err == nil {
				err = opened.Close()
			}
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
}

func TestValueAndNames(t *testing.T) {
	args := strings.Fields("kubelet --cgroup_driver systemd --config=a --config b -v=2 --node-labels= --fail -- --cert-dir=x")
	for name, want := range map[string]string{"cgroup-driver": "systemd", "config": "b", "node-labels": "", "cert-dir": "", "v": "", "none": ""} {
		if got := Value(args, name); got != want {
			t.Errorf("--%s: got %q, want %q", name, got, want)
		}
	}
	if got := strings.Join(Names(args), " "); got != "cgroup-driver config config node-labels fail" {
		t.Errorf("got %q", got)
	}
	if Value(nil, "x") != "" || Names(nil) != nil {
		t.Error("nothing has flags")
	}
}
