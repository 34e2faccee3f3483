package doctor_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/doctor"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

var errSome = errors.New("some reason")

func release(t testing.TB, text string) doctor.Release {
	t.Helper()
	parsed, err := doctor.ParseRelease(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// good is a node on which everything is right for an upgrade from 1.30 to 1.31.
func good(t testing.TB) doctor.Facts {
	return doctor.Facts{
		Now: now, From: release(t, "v1.30.14"), To: release(t, "v1.31.0+steadylet.1a2aaeb5"),
		Kubelet: doctor.Kubelet{PID: 7, Program: "/usr/bin/kubelet", Flags: []string{"config", "kubeconfig"}, Source: "the command line of process 7"},
		Unit:    doctor.Unit{Path: "/lib/systemd/system/kubelet.service", DropIns: []string{"/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"}},
		WayBack: doctor.WayBack{Copies: []string{"/usr/bin/kubelet.stock"}, Searched: "/usr/bin/kubelet.*"},
		Runtime: doctor.Runtime{
			Endpoint: "unix:///run/containerd/containerd.sock", Name: "containerd", Version: "1.7.2", API: "v1", CgroupDriver: "systemd",
			Sandboxes: []doctor.Sandbox{{Pod: "kube-system/etcd", UID: "a", Ready: true, Running: 1}},
		},
		Cgroups:    doctor.Cgroups{Version: 2, Configured: "systemd", InUse: []string{"systemd"}},
		StaticPods: doctor.StaticPods{Path: "/etc/kubernetes/manifests", Pods: 1},
		CPUs:       doctor.Checkpoint{Path: "/var/lib/kubelet/cpu_manager_state", Exists: true, Recorded: "none"},
		Memory:     doctor.Checkpoint{Path: "/var/lib/kubelet/memory_manager_state", Exists: true, Recorded: "None"},
		State:      doctor.State{Path: "/var/lib/kubelet/steadylet/state.json", Condition: "whole"},
		Folder:     doctor.Folder{Path: "/var/lib/kubelet/steadylet", Free: 1 << 30, FreeFiles: -1},
		Certificates: doctor.Certificates{Found: []doctor.Certificate{
			{Path: "/etc/kubernetes/pki/apiserver.crt", NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(0, 11, 0)},
		}},
		Client:   client(),
		Firewall: doctor.Firewall{Mode: "nf_tables", NFT: 12},
	}
}

func TestAGoodNodeHasOneGoodFindingOfEachCheck(t *testing.T) {
	seen := map[string]bool{}
	for _, finding := range doctor.Diagnose(good(t)) {
		if finding.Severity != doctor.OK || finding.Remedy != "" || seen[finding.Check] {
			t.Errorf("got %+v", finding)
		}
		seen[finding.Check] = true
	}
	if len(seen) != 24 {
		t.Errorf("%d checks have a finding", len(seen))
	}
}

// Each case changes one thing of a good node and names the one finding that is not OK.
func TestDiagnose(t *testing.T) {
	from := func(versions ...string) func(*doctor.Facts) {
		return func(f *doctor.Facts) { f.From, f.To = release(t, versions[0]), release(t, versions[1]) }
	}
	both := func(changes ...func(*doctor.Facts)) func(*doctor.Facts) {
		return func(f *doctor.Facts) {
			for _, change := range changes {
				change(f)
			}
		}
	}
	script := func(f *doctor.Facts) { f.Unit.Other = errSome }
	over33 := from("v1.32.0", "v1.33.0")
	for name, test := range map[string]struct {
		change          func(*doctor.Facts)
		check           string
		severity        doctor.Severity
		summary, remedy string
	}{
		"kubelet stands still": {func(f *doctor.Facts) { f.Kubelet.PID = 0 }, "kubelet", doctor.Warning, "does not run", "while the old kubelet runs"},
		"kubelet says nothing": {func(f *doctor.Facts) { f.Kubelet.VersionErr = errSome }, "kubelet", doctor.Error, "some reason", "steadylet verify"},
		"no target":            {func(f *doctor.Facts) { f.To = doctor.Release{} }, "versions", doctor.Unknown, "no version to come", "--to"},
		"no origin":            {func(f *doctor.Facts) { f.From = doctor.Release{} }, "versions", doctor.Unknown, "is not known", "--from"},
		"several minors":       {from("v1.31.0", "v1.34.4"), "versions", doctor.Warning, "3 minor versions", "API server"},
		"a way back":           {from("v1.31.1", "v1.31.0"), "versions", doctor.Warning, "is before", "RestartSuppressed"},
		"flag that is gone": {
			func(f *doctor.Facts) { f.Kubelet.Flags = []string{"config", "keep-terminated-pod-volumes"} },
			"flags", doctor.Error, "--keep-terminated-pod-volumes (gone in 1.31)", "will not start",
		},
		"a gate that is gone": {
			func(f *doctor.Facts) { f.Kubelet.Gates = []string{"SeccompDefault", "NodeSwap", "ReadWriteOncePod"} },
			"feature-gates", doctor.Error, "v1.31.0+steadylet.1a2aaeb5 does not know SeccompDefault (gone in 1.29), ReadWriteOncePod (gone in 1.31)", "featureGates",
		},
		"another program in place": {func(f *doctor.Facts) { f.Kubelet.Replaced = true }, "kubelet", doctor.Warning, "another program is at /usr/bin/kubelet", "cp /proc/7/exe /usr/bin/kubelet.runs"},
		"of a package":             {func(f *doctor.Facts) { f.Package = doctor.Package{Name: "kubelet", Manager: "dpkg"} }, "package", doctor.Warning, "package kubelet (dpkg)", "apt-mark hold kubelet"},
		"of an RPM package":        {func(f *doctor.Facts) { f.Package = doctor.Package{Name: "kubernetes-node", Manager: "rpm"} }, "package", doctor.Warning, "kubernetes-node", "versionlock add kubernetes-node"},
		"package not known":        {func(f *doctor.Facts) { f.Package.Err = errSome }, "package", doctor.Unknown, "some reason", "dpkg-query"},
		"pods without groups":      {both(over33, func(f *doctor.Facts) { f.Cgroups.NoPods = true }), "pod-cgroups", doctor.Warning, "steadylet does nothing in v1.33.0: it behaves as stock", "drain"},
		"a pod of two files":       {func(f *doctor.Facts) { f.StaticPods.Twice = []string{"kube-system/etcd (a, a.bak)"} }, "static-pods", doctor.Warning, "kube-system/etcd (a, a.bak): more than one file", "a dot in front"},
		"no flags":                 {func(f *doctor.Facts) { f.Kubelet.Flags, f.Kubelet.PID = nil, 0 }, "flags", doctor.Unknown, "are not known", "while the kubelet runs"},
		"the unit says otherwise": {
			func(f *doctor.Facts) { f.Unit.Differs = true },
			"unit", doctor.Warning, "10-kubeadm.conf starts the kubelet with another command", "systemctl cat kubelet",
		},
		"a start script": {both(func(f *doctor.Facts) { f.Unit.Differs = true }, script), "unit", doctor.Unknown, "with which flags, is not known: some reason", "what that starts"},
		"a start script that is not run": {
			func(f *doctor.Facts) { f.From, f.Kubelet = doctor.Release{}, doctor.Kubelet{}; script(f) },
			"kubelet", doctor.Error, "does not run, and its version is not known: some reason", "pass its version with --from",
		},
		"a start script, and a version": {
			func(f *doctor.Facts) { f.Kubelet = doctor.Kubelet{}; script(f) },
			"kubelet", doctor.Unknown, "it is v1.30.14, and its program is not known: some reason", "--kubelet",
		},
		"a unit that is broken": {func(f *doctor.Facts) { f.Unit.Err = errSome }, "unit", doctor.Unknown, "some reason", "mend"},
		"no way back":           {func(f *doctor.Facts) { f.WayBack.Copies = nil }, "way-back", doctor.Warning, "/usr/bin/kubelet.*", "/usr/bin/kubelet.stock"},
		"way back not seen":     {func(f *doctor.Facts) { f.WayBack.Err = errSome }, "way-back", doctor.Unknown, "some reason", ""},
		"an old CRI":            {func(f *doctor.Facts) { f.Runtime.API = "v1alpha2" }, "runtime", doctor.Error, "v1alpha2", "upgrade the runtime"},
		"dockershim":            {func(f *doctor.Facts) { f.Runtime.Endpoint = "unix:///var/run/dockershim.sock" }, "runtime", doctor.Error, "dockershim", "containerd"},
		"the runtime's driver":  {func(f *doctor.Facts) { f.Runtime.CgroupDriver = "cgroupfs" }, "cgroup-driver", doctor.Error, "recreate every pod", "SystemdCgroup"},
		"Docker by default":     {both(from("v1.20.2", "v1.30.4"), func(f *doctor.Facts) { f.Kubelet.Flags = []string{"config"} }), "runtime", doctor.Error, "through dockershim", "containerd"},
		"the gate is off": {
			func(f *doctor.Facts) { f.Runtime.CgroupDriver, f.Cgroups.FromRuntime = "cgroupfs", new(bool) },
			"cgroup-driver", doctor.Warning, "the kubelet uses systemd and the runtime cgroupfs", "SystemdCgroup",
		},
		"the configured driver":  {func(f *doctor.Facts) { f.Cgroups.Configured, f.Runtime.CgroupDriver = "cgroupfs", "" }, "cgroup-driver", doctor.Error, "recreate every pod", "cgroupDriver"},
		"both drivers":           {func(f *doctor.Facts) { f.Cgroups.InUse = []string{"systemd", "cgroupfs"} }, "cgroup-driver", doctor.Warning, "both", "remove"},
		"two drivers before":     {both(from("v1.29.6", "v1.30.4"), func(f *doctor.Facts) { f.Runtime.CgroupDriver = "cgroupfs" }), "cgroup-driver", doctor.Warning, "the runtime cgroupfs", "SystemdCgroup"},
		"cgroup v1":              {func(f *doctor.Facts) { f.Cgroups.Version = 1 }, "cgroup-version", doctor.Warning, "only maintains", "plan"},
		"cgroup v1 that fails":   {both(from("v1.34.4", "v1.35.4"), func(f *doctor.Facts) { f.Cgroups.Version = 1 }), "cgroup-version", doctor.Error, "does not start", "failCgroupV1: false"},
		"cgroup v1 allowed":      {both(from("v1.34.4", "v1.35.4"), func(f *doctor.Facts) { f.Cgroups.Version, f.Cgroups.FailV1 = 1, new(bool) }), "cgroup-version", doctor.Warning, "only maintains", "plan"},
		"two sandboxes":          {func(f *doctor.Facts) { f.Runtime.Sandboxes = append(f.Runtime.Sandboxes, f.Runtime.Sandboxes[0]) }, "sandboxes", doctor.Warning, "several sandboxes", "look again"},
		"a sandbox that ended":   {func(f *doctor.Facts) { f.Runtime.Sandboxes[0].Ready = false }, "sandboxes", doctor.Warning, "not ready", "look again"},
		"manifests missing":      {func(f *doctor.Facts) { f.StaticPods.Err = errSome }, "static-pods", doctor.Error, "some reason", "make the folder"},
		"from a URL":             {func(f *doctor.Facts) { f.StaticPods = doctor.StaticPods{FromURL: true} }, "static-pods", doctor.Warning, "takes static pods from a URL", "metadata.uid"},
		"no record":              {func(f *doctor.Facts) { f.StaticPods.Loose = []string{"kube-system/etcd"} }, "static-pods", doctor.Warning, "kube-system/etcd", "steadylet state generate"},
		"left out":               {func(f *doctor.Facts) { f.StaticPods.LeftOut = []string{"/etc/x.yaml (edited)"} }, "static-pods", doctor.Warning, "/etc/x.yaml (edited) will be recreated", "plan"},
		"resize":                 {both(over33, func(f *doctor.Facts) { f.Pods.RestartOnResize = []string{"default/db"} }), "resize-policy", doctor.Warning, "default/db", "NotRequired"},
		"pods not seen":          {both(over33, func(f *doctor.Facts) { f.Pods.Err = errSome }), "resize-policy", doctor.Unknown, "some reason", "kubectl get pods"},
		"devices":                {func(f *doctor.Facts) { f.Devices.Pods = 2 }, "devices", doctor.Warning, "2 pods", "device plugin"},
		"another CPU policy":     {func(f *doctor.Facts) { f.CPUs.Configured = "static" }, "cpu-manager", doctor.Error, `policy "none"`, "drain"},
		"CPUs that are gone":     {func(f *doctor.Facts) { f.CPUs.Gone = "4,5" }, "cpu-manager", doctor.Error, "not online: 4,5", "drain"},
		"more CPUs":              {func(f *doctor.Facts) { f.CPUs.Configured, f.CPUs.Recorded, f.CPUs.New = "static", "static", "6" }, "cpu-manager", doctor.Warning, "online: 6", "strict-cpu-reservation"},
		"a broken checkpoint":    {func(f *doctor.Facts) { f.Memory.Err = errSome }, "memory-manager", doctor.Error, "some reason", "remove the file"},
		"a damaged state":        {func(f *doctor.Facts) { f.State.Condition, f.State.Remedy = "damaged", "repair it" }, "state-file", doctor.Error, "is damaged", "repair it"},
		"switched off":           {both(from("v1.30.14", "v1.31.0"), func(f *doctor.Facts) { f.State.SwitchedOff = "the file x" }), "state-file", doctor.Warning, "the file x switches", "remove"},
		"a patched one is off":   {func(f *doctor.Facts) { f.State.SwitchedOff = "the file x" }, "state-file", doctor.Error, "as stock", "remove"},
		"a foreign folder":       {func(f *doctor.Facts) { f.Folder.Err = errSome }, "state-folder", doctor.Error, "some reason", "0700"},
		"a read-only disk":       {func(f *doctor.Facts) { f.Folder.ReadOnly = true }, "state-folder", doctor.Error, "read-only", "mount"},
		"a full disk":            {func(f *doctor.Facts) { f.Folder.Free = 1 << 10 }, "state-folder", doctor.Error, "1 KiB", "make room"},
		"no inodes":              {func(f *doctor.Facts) { f.Folder.FreeFiles = 3 }, "state-folder", doctor.Error, "3 inodes", "make room"},
		"nearly a full disk":     {func(f *doctor.Facts) { f.Folder.Free = 50 << 20 }, "state-folder", doctor.Warning, "50 MiB", "make room"},
		"expired":                {func(f *doctor.Facts) { f.Certificates.Found[0].NotAfter = now.Add(-time.Hour) }, "certificates", doctor.Error, "has expired", "kubeadm certs renew"},
		"expires soon":           {func(f *doctor.Facts) { f.Certificates.Found[0].NotAfter = now.AddDate(0, 0, 2).Add(time.Hour) }, "certificates", doctor.Warning, "in 2 days", "kubeadm certs renew"},
		"not valid yet":          {func(f *doctor.Facts) { f.Certificates.Found[0].NotBefore = now.Add(time.Hour) }, "certificates", doctor.Error, "not valid yet", "clock"},
		"a certificate unread":   {func(f *doctor.Facts) { f.Certificates.Unread = []doctor.Unread{{Path: "/etc/x.crt", Err: errSome}} }, "certificates", doctor.Unknown, "/etc/x.crt expires is not known: some reason", "certs check"},
		"both kinds of iptables": {func(f *doctor.Facts) { f.Firewall.Legacy = 3 }, "iptables", doctor.Warning, "3 chains", "update-alternatives"},
		"the other iptables":     {func(f *doctor.Facts) { f.Firewall.Mode = "legacy" }, "iptables", doctor.Warning, "other kind", "iptables-wrappers"},
		"iptables not seen":      {func(f *doctor.Facts) { f.Firewall.Err = errSome }, "iptables", doctor.Unknown, "some reason", "iptables-legacy-save"},
	} {
		t.Run(name, func(t *testing.T) {
			facts := good(t)
			test.change(&facts)
			got := wanted(doctor.Diagnose(facts), test.check)
			if got.Severity != test.severity || !strings.Contains(got.Summary, test.summary) || !strings.Contains(got.Remedy, test.remedy) || got.Remedy == "" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// wanted is the worst finding of a check.
func wanted(findings []doctor.Finding, check string) doctor.Finding {
	var worst doctor.Finding
	for _, finding := range findings {
		if finding.Check == check && (worst.Check == "" || finding.Severity.AtLeast(worst.Severity)) {
			worst = finding
		}
	}
	return worst
}

// Where a part of the node can't be seen, nothing that hangs on it is called good.
func TestNothingGoodIsSaidOfWhatIsNotKnown(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*doctor.Facts)
		want   []string
	}{
		"no kubelet": {
			func(f *doctor.Facts) { f.Kubelet, f.WayBack.Err = doctor.Kubelet{Err: errSome}, errSome },
			[]string{
				"kubelet", "flags", "feature-gates", "way-back", "package", "cgroup-driver", "cgroup-version", "pod-cgroups", "static-pods",
				"refused-static-pods", "cpu-manager", "memory-manager", "certificates", "kubeconfig",
			},
		},
		"a start script": {
			func(f *doctor.Facts) { f.Kubelet, f.Unit.Other, f.WayBack.Err = doctor.Kubelet{}, errSome, errSome },
			[]string{
				"kubelet", "flags", "feature-gates", "unit", "way-back", "package", "cgroup-driver", "cgroup-version", "pod-cgroups", "static-pods",
				"refused-static-pods", "cpu-manager", "memory-manager", "certificates", "kubeconfig",
			},
		},
		"no runtime": {func(f *doctor.Facts) { f.Runtime = doctor.Runtime{Err: errSome} }, []string{"runtime", "cgroup-driver", "sandboxes"}},
		"no versions": {func(f *doctor.Facts) { f.From, f.To = doctor.Release{}, doctor.Release{} }, []string{
			"versions", "flags", "feature-gates", "runtime", "cgroup-driver", "cgroup-version", "pod-cgroups", "refused-static-pods", "resize-policy",
			"sidecars",
		}},
		"no cgroups":   {func(f *doctor.Facts) { f.Cgroups.Err = errSome }, []string{"cgroup-driver", "cgroup-version"}},
		"no iptables":  {func(f *doctor.Facts) { f.Firewall.Err = errSome }, []string{"iptables"}},
		"back past 29": {func(f *doctor.Facts) { f.To, f.Pods.Err = release(t, "1.20.2"), errSome }, []string{"versions", "sidecars"}},
	} {
		t.Run(name, func(t *testing.T) {
			facts := good(t)
			test.change(&facts)
			var got []string
			for _, finding := range doctor.Diagnose(facts) {
				if finding.Severity != doctor.OK {
					got = append(got, finding.Check)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A state of before the first patched start may be missing, but not where it is needed.
func TestStateFileMissing(t *testing.T) {
	facts := good(t)
	facts.State = doctor.State{Condition: "missing", Remedy: "generate it"}
	if got := wanted(doctor.Diagnose(facts), "state-file"); got.Severity != doctor.OK {
		t.Errorf("without static pods: %+v", got)
	}
	facts.StaticPods.Loose = []string{"kube-system/etcd"}
	if got := wanted(doctor.Diagnose(facts), "state-file"); got.Severity != doctor.Warning || got.Remedy != "generate it" {
		t.Errorf("with one: %+v", got)
	}
}

func TestSidecarsOnTheWayBack(t *testing.T) {
	facts := good(t)
	facts.To, facts.Pods.Sidecars = release(t, "v1.20.2"), []string{"default/web"}
	if got := wanted(doctor.Diagnose(facts), "sidecars"); got.Severity != doctor.Error || !strings.Contains(got.Summary, "default/web") {
		t.Errorf("got %+v", got)
	}
}

func TestParseRelease(t *testing.T) {
	for text, want := range map[string]string{
		"v1.31.0": "v1.31.0", "1.31.0": "v1.31.0", "v1.31.0+steadylet.1a2aaeb5": "v1.31.0+steadylet.1a2aaeb5", "v1.32.0-rc.1": "v1.32.0-rc.1",
		"": "", "v1.31": "", "v2.0.0": "", "latest": "", "v1.x.0": "", "1": "",
	} {
		got, err := doctor.ParseRelease(text)
		if (err == nil) != (want != "") || err == nil && got.String() != want {
			t.Errorf("%q: got %s, %v", text, got, err)
		}
	}
}

func FuzzParseRelease(f *testing.F) {
	f.Add("v1.31.0+steadylet.1")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := doctor.ParseRelease(text); got.Known() != (err == nil) {
			t.Errorf("got %v, %v", got, err)
		}
	})
}
