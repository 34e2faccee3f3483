package kubeletproc

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/programtest"
)

func fixture(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestParseFlags(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want Flags
	}{
		"kubeadm": {arguments([]byte(fixture(t, "kubeadm.cmdline"))), Flags{
			Config: "/var/lib/kubelet/config.yaml", Endpoint: "unix:///run/containerd/containerd.sock",
			Kubeconfig: "/etc/kubernetes/kubelet.conf", BootstrapKubeconfig: "/etc/kubernetes/bootstrap-kubelet.conf",
		}},
		"both forms": {
			strings.Fields("kubelet --root-dir /data --config=k.yaml --hostname-override DB-3 --pod-manifest-path m --config-dir=d --manifest-url=https://m.example/"),
			Flags{RootDir: "/data", Config: "/work/k.yaml", Hostname: "DB-3", ManifestPath: "/work/m", ConfigDir: "/work/d", ManifestURL: "https://m.example/"},
		},
		"credentials": {
			strings.Fields("kubelet --kubeconfig k.conf --bootstrap-kubeconfig=b.conf --cert-dir=/certs"),
			Flags{Kubeconfig: "/work/k.conf", BootstrapKubeconfig: "/work/b.conf", CertDir: "/certs"},
		},
		"the last one counts": {strings.Fields("kubelet --root-dir=/a --root_dir=/b"), Flags{RootDir: "/b"}},
		"none":                {[]string{"kubelet"}, Flags{}},
		"no value":            {[]string{"kubelet", "--root-dir"}, Flags{}},
		"after the end":       {strings.Fields("kubelet -- --root-dir=/a"), Flags{}},
		"nothing":             {nil, Flags{}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, ParseFlags(test.args).In("/work")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBool(t *testing.T) {
	for name, test := range map[string]struct {
		line    string
		on, set bool
	}{
		"not there":           {"kubelet --v=2", false, false},
		"alone":               {"kubelet --rotate-certificates", true, true},
		"before another flag": {"kubelet --rotate-certificates --v=2", true, true},
		"before a word":       {"kubelet --rotate-certificates false", true, true},
		"off":                 {"kubelet --rotate_certificates=false", false, true},
		"the last one counts": {"kubelet --rotate-certificates=false --rotate-certificates=1", true, true},
		"no value of one":     {"kubelet --rotate-certificates=perhaps", false, false},
		"after the end":       {"kubelet -- --rotate-certificates", false, false},
		"another flag":        {"kubelet --rotate-certificates-not=true", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if on, set := Bool(strings.Fields(test.line), "rotate-certificates"); on != test.on || set != test.set {
				t.Errorf("got %t, %t, want %t, %t", on, set, test.on, test.set)
			}
		})
	}
}

func TestStartTime(t *testing.T) {
	system := fixture(t, "stat")
	got, err := startTime(fixture(t, "pid.stat"), system)
	// 1234.56 s after boot, rounded up, and the second that btime may be short of.
	if want := time.Unix(1_700_000_000+1235+1, 0); err != nil || !got.Equal(want) {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	for name, texts := range map[string][2]string{
		"no stat": {"", system}, "cut off": {"1 (kubelet) S 1", system}, "no number": {"1 (x) " + strings.Repeat("x ", 30), system},
		"no boot": {fixture(t, "pid.stat"), "cpu 1\n"}, "boot is no number": {fixture(t, "pid.stat"), "btime x\n"},
	} {
		if got, err := startTime(texts[0], texts[1]); err == nil || !got.IsZero() {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
}

// fake is a process of makeProc.
type fake struct {
	pid                   int
	cmdline, exe, ns, uid string
}

// makeProc makes a proc file system.
func makeProc(t *testing.T, processes ...fake) Proc {
	t.Helper()
	root := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	link := func(name, target string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.Symlink(target, path)); err != nil {
			t.Fatal(err)
		}
	}
	write("stat", fixture(t, "stat"))
	write("uptime", "1 1")
	link("self/ns/mnt", "mnt:[1]")
	for _, p := range processes {
		dir := strconv.Itoa(p.pid)
		write(dir+"/cmdline", p.cmdline)
		write(dir+"/stat", fixture(t, "pid.stat"))
		write(dir+"/status", strings.Replace(fixture(t, "status"), "77", p.uid, 1))
		link(dir+"/exe", p.exe)
		link(dir+"/cwd", "/work")
		link(dir+"/ns/mnt", p.ns)
	}
	return Proc{Root: root, User: 0}
}

func TestFind(t *testing.T) {
	proc := makeProc(t,
		fake{7, "kubelet\x00--root-dir=data\x00--token=secret\x00", "/usr/bin/kubelet (deleted)", "mnt:[1]", "0"},
		fake{8, "/usr/bin/kubelet\x00", "/usr/bin/hyperkube", "mnt:[2]", "0"},
		fake{9, "kubelet\x00", "/home/eve/kubelet", "mnt:[1]", "1000"},
		fake{10, "vi\x00kubelet\x00", "/usr/bin/vi", "mnt:[1]", "0"},
		fake{11, "", "/kernel", "mnt:[1]", "0"},
	)
	found, err := proc.Find()
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 3 || found[0].PID != 7 || found[0].Executable != "/usr/bin/kubelet" || found[0].Dir != "/work" || found[0].Started.IsZero() {
		t.Fatalf("found %+v", found)
	}
	process, err := Only(found, 0)
	if err != nil || process.PID != 7 {
		t.Errorf("chose %+v, %v", process, err)
	}
	if text := process.String(); text != "/usr/bin/kubelet --root-dir=data" {
		t.Errorf("it is called %q", text)
	}
	if !strings.Contains(found[1].Foreign, "mount namespace") || !strings.Contains(found[2].Foreign, "user 1000") {
		t.Errorf("foreign ones are %q and %q", found[1].Foreign, found[2].Foreign)
	}
}

func TestOnly(t *testing.T) {
	a, b := Process{PID: 1, Executable: "/a/kubelet"}, Process{PID: 2, Executable: "/b/kubelet"}
	foreign := Process{PID: 3, Foreign: "it is not ours"}
	for name, test := range map[string]struct {
		processes []Process
		pid, want int
		says      []string
	}{
		"one":                {[]Process{a, foreign}, 0, 1, nil},
		"none":               {nil, 0, 0, []string{"--kubelet PATH"}},
		"foreign":            {[]Process{foreign}, 0, 0, []string{"--kubelet PATH", "process 3", "not ours"}},
		"two":                {[]Process{a, b}, 0, 0, []string{"--pid", "process 1: /a/kubelet", "process 2: /b/kubelet"}},
		"chosen":             {[]Process{a, b}, 2, 2, nil},
		"chosen, foreign":    {[]Process{a, foreign}, 3, 0, []string{"not ours"}},
		"chosen, no kubelet": {[]Process{a}, 9, 0, []string{"no kubelet"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Only(test.processes, test.pid)
			if got.PID != test.want || (err == nil) != (test.want != 0) {
				t.Fatalf("got %+v, %v", got, err)
			}
			for _, says := range test.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%q does not say %q", err, says)
				}
			}
		})
	}
}

// A process that is called kubelet is asked only if its program is one by its content.
func TestVersionOf(t *testing.T) {
	for name, test := range map[string]struct {
		write      func(path, text string) error
		text       string
		want, says string
	}{
		"a kubelet":       {programtest.WriteKubelet, "touch RAN\n" + programtest.Says("v1.30.14"), "v1.30.14", ""},
		"another program": {programtest.WriteOther, "touch RAN\n" + programtest.Says("v1.30.14"), "", "it is the program k8s.io/kubernetes/cmd/kubemark, and was not run"},
		"a script":        {programtest.Write, "#!/bin/sh\ntouch RAN\n" + programtest.Says("v1.30.14"), "", "it is a script (\"#!/bin/sh\"), and was not run"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			program, ran := filepath.Join(dir, "kubelet"), filepath.Join(dir, "ran")
			if err := test.write(program, strings.ReplaceAll(test.text, "RAN", ran)); err != nil {
				t.Fatal(err)
			}
			proc := makeProc(t, fake{7, "kubelet\x00", program, "mnt:[1]", "0"})
			found, err := proc.Find()
			if err != nil || len(found) != 1 {
				t.Fatalf("found %+v, %v", found, err)
			}
			version, err := proc.VersionOf(t.Context(), found[0])
			if version != test.want || (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %q, %v", version, err)
			}
			if _, err := os.Lstat(ran); (err == nil) != (test.want != "") {
				t.Errorf("whether it ran: %v", err)
			}
		})
	}
}

func FuzzParseFlags(f *testing.F) {
	f.Add("kubelet --root-dir=/a --config b")
	f.Fuzz(func(t *testing.T, line string) {
		flags := ParseFlags(arguments([]byte(strings.ReplaceAll(line, " ", "\x00")))).In("/work")
		for _, path := range []string{flags.RootDir, flags.Config, flags.ConfigDir, flags.ManifestPath} {
			if path != "" && !filepath.IsAbs(path) {
				t.Errorf("a relative path: %q", path)
			}
		}
	})
}

func FuzzStartTime(f *testing.F) {
	f.Add("1 (kubelet) S 1 1 1 0 -1 0 1 0 0 0 10 10 0 0 20 0 15 0 123456 1", "btime 17")
	f.Fuzz(func(t *testing.T, stat, system string) {
		if started, err := startTime(stat, system); err != nil && !started.IsZero() {
			t.Errorf("got %s with %v", started, err)
		}
	})
}

func TestVariable(t *testing.T) {
	root := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(root, "7"), 0o700),
		os.WriteFile(filepath.Join(root, "7", "environ"), []byte("PATH=/bin\x00NOT_A=1\x00A=b=c\x00EMPTY=\x00"), 0o600)); err != nil {
		t.Fatal(err)
	}
	proc := Proc{Root: root}
	for name, want := range map[string]string{"A": "b=c", "PATH": "/bin", "EMPTY": "", "NONE": "", "AT": ""} {
		if got, err := proc.Variable(7, name); err != nil || got != want {
			t.Errorf("%s: got %q (%v), want %q", name, got, err, want)
		}
	}
	if _, err := proc.Variable(8, "A"); err == nil {
		t.Error("a process that isn't there has an environment")
	}
}
