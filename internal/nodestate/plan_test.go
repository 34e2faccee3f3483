package nodestate_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/kubeletconf"
	"github.com/steadylet/steadylet/internal/kubeletproc"
	"github.com/steadylet/steadylet/internal/nodestate"
	"github.com/steadylet/steadylet/statefile"
)

var (
	now     = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	started = now.Add(-24 * time.Hour)
	made    = now.Add(-12 * time.Hour) // when sandboxes were
)

// manifest is a manifest that was last changed before its sandbox was made.
func manifest(change func(*nodestate.ManifestFile)) nodestate.ManifestFile {
	file := nodestate.ManifestFile{
		Manifest: statefile.Manifest{Path: "/m/etcd.yaml", Content: []byte("etcd"), Namespace: "kube-system", Name: "etcd-node"},
		Base:     "etcd", Changed: made.Add(-time.Hour),
	}
	if change != nil {
		change(&file)
	}
	return file
}

// sandbox is that of the manifest's pod.
func sandbox(change func(*statefile.Sandbox)) statefile.Sandbox {
	s := statefile.Sandbox{Namespace: "kube-system", Name: "etcd-node", UID: "uid", Ready: true, FromFile: true, CreatedAt: made}
	if change != nil {
		change(&s)
	}
	return s
}

func TestPlanOfStaticPods(t *testing.T) {
	recorded := map[string]statefile.StaticPod{"/m/etcd.yaml": {
		Pod: "kube-system/etcd-node", UID: "uid",
		Digest: "c38cbd92fce41312f3fbdce60510013b7f0d4004a03b45c8e762f98f1ed4006c", // printf etcd | sha256sum
	}}
	for name, test := range map[string]struct {
		manifest  nodestate.ManifestFile
		sandboxes []statefile.Sandbox
		leftOut   string
	}{
		"runs":            {manifest(nil), []statefile.Sandbox{sandbox(nil)}, ""},
		"runs, ended one": {manifest(nil), []statefile.Sandbox{sandbox(nil), sandbox(func(s *statefile.Sandbox) { s.Ready, s.UID = false, "old" })}, ""},
		"sets its UID":    {manifest(func(m *nodestate.ManifestFile) { m.Generated = "uid" }), []statefile.Sandbox{sandbox(nil)}, ""},
		"sets another UID": {
			manifest(func(m *nodestate.ManifestFile) { m.Generated = "other" }), []statefile.Sandbox{sandbox(nil)},
			"it sets another UID than its sandbox has",
		},
		"does not run": {manifest(nil), nil, "none of its sandboxes is ready"},
		"two sandboxes": {
			manifest(nil), []statefile.Sandbox{sandbox(nil), sandbox(func(s *statefile.Sandbox) { s.UID = "two" })},
			"2 sandboxes of it are ready",
		},
		"no static pod": {manifest(nil), []statefile.Sandbox{sandbox(func(s *statefile.Sandbox) { s.FromFile = false })}, "its sandbox is not of a static pod"},
		"no UID":        {manifest(nil), []statefile.Sandbox{sandbox(func(s *statefile.Sandbox) { s.UID = "" })}, "its sandbox is not of a static pod"},
		"edited since": {
			manifest(func(m *nodestate.ManifestFile) { m.Changed = made }), []statefile.Sandbox{sandbox(nil)},
			"the manifest was changed after its sandbox was made",
		},
		"of the future": {
			manifest(nil), []statefile.Sandbox{sandbox(func(s *statefile.Sandbox) { s.CreatedAt = now.Add(time.Hour) })},
			"its sandbox is of the future: the clock was set back",
		},
		"behind a link": {manifest(func(m *nodestate.ManifestFile) { m.ChangedErr = errors.New("it leads over a link") }), []statefile.Sandbox{sandbox(nil)}, "it leads over a link"},
		"unreadable":    {manifest(func(m *nodestate.ManifestFile) { m.Err = errors.New("it is broken") }), []statefile.Sandbox{sandbox(nil)}, "it is broken"},
		"another namespace": {
			manifest(nil), []statefile.Sandbox{sandbox(func(s *statefile.Sandbox) { s.Namespace = "default" })},
			"none of its sandboxes is ready",
		},
		"another node's name": {
			manifest(nil), []statefile.Sandbox{sandbox(func(s *statefile.Sandbox) { s.Name = "etcd-db-3" })},
			"none of its sandboxes is ready; but etcd-db-3 runs: if the node is called db-3, pass --node-name=db-3",
		},
	} {
		t.Run(name, func(t *testing.T) {
			plan := nodestate.MakePlan(nodestate.Facts{
				Version: "v1.30.14", Started: started, Now: now, Manifests: []nodestate.ManifestFile{test.manifest}, Sandboxes: test.sandboxes,
			})
			want := nodestate.Plan{State: statefile.State{
				SchemaVersion: 1, Kubelet: statefile.Kubelet{Version: "v1.30.14", StartTime: started, LastStart: started},
			}}
			if test.leftOut == "" {
				want.State.StaticPods = recorded
			} else {
				want.LeftOut = []nodestate.LeftOut{{Manifest: "/m/etcd.yaml", Reason: test.leftOut}}
			}
			if diff := cmp.Diff(want, plan); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The kubelet reads a copy beside a manifest too, and runs one of the two.
func TestPlanOfAPodTwice(t *testing.T) {
	other := manifest(func(m *nodestate.ManifestFile) { m.Path = "/m/etcd.yaml.bak" })
	third := manifest(func(m *nodestate.ManifestFile) { m.Path, m.Name = "/m/other.yaml", "other-node" })
	plan := nodestate.MakePlan(nodestate.Facts{
		Version: "v1.30.14", Started: started, Now: now, Manifests: []nodestate.ManifestFile{manifest(nil), other, third},
		Sandboxes: []statefile.Sandbox{sandbox(nil), sandbox(func(s *statefile.Sandbox) { s.Name = "other-node" })},
	})
	if len(plan.State.StaticPods) != 1 || plan.State.StaticPods["/m/other.yaml"].UID != "uid" || len(plan.LeftOut) != 2 {
		t.Fatalf("got %+v, and %+v left out", plan.State.StaticPods, plan.LeftOut)
	}
	for _, left := range plan.LeftOut {
		if !strings.Contains(left.Reason, "more than one file gives this pod (/m/etcd.yaml, /m/etcd.yaml.bak)") {
			t.Errorf("got %+v", left)
		}
	}
}

func TestPlanOfTheStart(t *testing.T) {
	for name, test := range map[string]struct {
		started, want time.Time
		warnings      int
	}{
		"known": {started, started, 0}, "not known": {time.Time{}, time.Time{}, 0}, "of the future": {now.Add(time.Hour), time.Time{}, 1},
		"rounded up": {now.Add(2 * time.Second), now.Add(2 * time.Second), 0},
	} {
		plan := nodestate.MakePlan(nodestate.Facts{Version: "v1.30.14", Started: test.started, Now: now})
		if got := plan.State.Kubelet; !got.StartTime.Equal(test.want) || !got.LastStart.Equal(test.want) || len(plan.Warnings) != test.warnings {
			t.Errorf("%s: got %+v, %q", name, got, plan.Warnings)
		}
	}
}

func TestResolve(t *testing.T) {
	none, other := "", "/other"
	flags := kubeletproc.Flags{RootDir: "/flags", Endpoint: "unix:///flags", Hostname: " Flags ", ManifestPath: "/flags/m"}
	config := kubeletconf.Config{StaticPodPath: "/config/m", Endpoint: "unix:///config"}
	for name, test := range map[string]struct {
		overrides nodestate.Overrides
		flags     kubeletproc.Flags
		config    kubeletconf.Config
		want      nodestate.Settings
	}{
		"defaults": {want: nodestate.Settings{RootDir: "/var/lib/kubelet", Endpoint: "unix:///run/containerd/containerd.sock", NodeName: "host"}},
		"config": {config: config, want: nodestate.Settings{
			RootDir: "/var/lib/kubelet", Endpoint: "unix:///config", NodeName: "host", ManifestPath: "/config/m",
		}},
		"flags": {flags: flags, config: config, want: nodestate.Settings{
			RootDir: "/flags", Endpoint: "unix:///flags", NodeName: "flags", ManifestPath: "/flags/m",
		}},
		"overrides": {nodestate.Overrides{RootDir: "/o", Endpoint: "unix:///o", NodeName: "O", ManifestPath: &other}, flags, config, nodestate.Settings{
			RootDir: "/o", Endpoint: "unix:///o", NodeName: "o", ManifestPath: "/other",
		}},
		"no static pods": {nodestate.Overrides{ManifestPath: &none}, flags, config, nodestate.Settings{
			RootDir: "/flags", Endpoint: "unix:///flags", NodeName: "flags",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := nodestate.Resolve(test.overrides, test.flags, test.config, "Host\n")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := nodestate.Resolve(nodestate.Overrides{}, kubeletproc.Flags{}, kubeletconf.Config{}, ""); err == nil {
		t.Error("a node without a name passes")
	}
}
