package statefile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/steadylet/steadylet/statefile"
)

// manifestAt writes a manifest and returns what a kubelet makes of it.
func manifestAt(t *testing.T, path, content, generated string) statefile.Manifest {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return statefile.Manifest{Path: path, Content: []byte(content), Namespace: "kube-system", Name: "etcd-node", Generated: generated}
}

// A static pod over upgrades, edits and a rollback. Each step is another run of a
// kubelet; the UID that it would make up differs with each version.
func TestStaticPodKeepsItsUIDWhileTheManifestIsTheSame(t *testing.T) {
	root, path := t.TempDir(), filepath.Join(t.TempDir(), "etcd.yaml")
	for i, step := range []struct {
		version, content, generated, want string
		edited                            bool
	}{
		{"v1.30.14", "image: v1", "30-v1", "30-v1", false},
		{"v1.31.0", "image: v1", "31-v1", "30-v1", false},
		{"v1.36.3", "image: v1", "36-v1", "30-v1", false},
		{"v1.36.3", "image: v1 # a comment", "36-v1", "30-v1", false},
		{"v1.36.3", "image: v2", "36-v2", "36-v2", true},
		{"v1.37.2", "image: v2", "37-v2", "36-v2", false},
		{"v1.37.2", "image: v1", "37-v1", "37-v1", true},
		{"v1.36.3", "image: v1", "36-v1", "37-v1", false},
		{"v1.31.0", "image: v1 # edited while the version changed", "31-v1", "31-v1", true},
		// A field that 1.31 does not know is an edit to 1.33, and a patch release changes nothing.
		{"v1.31.0", "image: v1, stopSignal: INT", "31-v1", "31-v1", false},
		{"v1.31.14", "image: v1, stopSignal: INT", "31-v1", "31-v1", false},
		{"v1.33.13", "image: v1, stopSignal: INT", "33-v1-INT", "33-v1-INT", true},
		{"v1.34.4", "image: v1, stopSignal: INT", "34-v1-INT", "33-v1-INT", false},
		// The same, taken back before the upgrade.
		{"v1.34.4", "image: v1, stopSignal: INT, later: x", "34-v1-INT", "33-v1-INT", false},
		{"v1.34.4", "image: v1, stopSignal: INT", "34-v1-INT", "33-v1-INT", false},
		{"v1.36.3", "image: v1, stopSignal: INT", "36-v1-INT", "33-v1-INT", false},
	} {
		r := recorderAt(t, root, step.version)
		m := manifestAt(t, path, step.content, step.generated)
		for asked := range 2 {
			got := r.StaticPodUID(m, nil)
			if got.UID != step.want || got.Kept != (step.want != step.generated) || got.Moved != (step.edited && asked == 0) || got.Reason == "" {
				t.Errorf("step %d: got %+v, want %s", i, got, step.want)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r := recorderAt(t, root, "v1.31.0")
	other := manifestAt(t, path, "image: v1, stopSignal: INT", "31-other")
	other.Name = "etcd-other-node"
	if got := r.StaticPodUID(other, nil); got.UID != "31-other" {
		t.Errorf("the node's name changed, and with it the pod: got %+v", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r.Prune(func(string) bool { return true })
	if left := r.State().StaticPods; len(left) != 0 {
		t.Errorf("the manifest is gone, its pod is remembered: %+v", left)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// The first patched start: the pod runs already, and nobody has recorded its UID.
func TestStaticPodIsTakenOverWhereThatIsSafe(t *testing.T) {
	now := time.Now()
	sandbox := statefile.Sandbox{
		Namespace: "kube-system", Name: "etcd-node", UID: "old", Ready: true, FromFile: true, CreatedAt: now.Add(time.Minute),
	}
	with := func(change func(*statefile.Sandbox)) statefile.Sandbox {
		changed := sandbox
		change(&changed)
		return changed
	}
	// The file's own times can't be set back, so the sandboxes are of the last second.
	sandbox.CreatedAt = now
	for name, test := range map[string]struct {
		sandboxes []statefile.Sandbox
		err       error
		link      bool
		want      string
		moved     bool
	}{
		"one sandbox":                   {[]statefile.Sandbox{sandbox}, nil, false, "old", false},
		"beside others":                 {[]statefile.Sandbox{with(func(s *statefile.Sandbox) { s.Name = "other" }), with(func(s *statefile.Sandbox) { s.Namespace = "default" }), with(func(s *statefile.Sandbox) { s.Ready, s.UID = false, "dead" }), sandbox}, nil, false, "old", false},
		"none":                          {nil, nil, false, "new", false},
		"two":                           {[]statefile.Sandbox{sandbox, with(func(s *statefile.Sandbox) { s.UID = "older" })}, nil, false, "new", true},
		"not ready":                     {[]statefile.Sandbox{with(func(s *statefile.Sandbox) { s.Ready = false })}, nil, false, "new", false},
		"from the API server":           {[]statefile.Sandbox{with(func(s *statefile.Sandbox) { s.FromFile = false })}, nil, false, "new", false},
		"older than the last change":    {[]statefile.Sandbox{with(func(s *statefile.Sandbox) { s.CreatedAt = now.Add(-time.Hour) })}, nil, false, "new", true},
		"of the future":                 {[]statefile.Sandbox{with(func(s *statefile.Sandbox) { s.CreatedAt = now.Add(time.Hour) })}, nil, false, "new", true},
		"no list":                       {nil, errors.New("no runtime"), false, "new", true},
		"the manifest is behind a link": {[]statefile.Sandbox{sandbox}, nil, true, "new", true},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			m := manifestAt(t, filepath.Join(folder, "etcd.yaml"), "image: v1", "new")
			if test.link {
				m.Path = filepath.Join(folder, "link.yaml")
				if err := os.Symlink("etcd.yaml", m.Path); err != nil {
					t.Fatal(err)
				}
			}
			// Younger than the file, and not of the future.
			time.Sleep(20 * time.Millisecond)
			for i := range test.sandboxes {
				if test.sandboxes[i].CreatedAt.Equal(now) {
					test.sandboxes[i].CreatedAt = time.Now()
				}
			}
			root := t.TempDir()
			r := recorderAt(t, root, "v1.31.0")
			got := r.StaticPodUID(m, func() ([]statefile.Sandbox, error) { return test.sandboxes, test.err })
			if again := r.StaticPodUID(m, func() ([]statefile.Sandbox, error) { return test.sandboxes, nil }); got.UID != test.want || again.UID != test.want || got.Moved != test.moved || again.Moved {
				t.Errorf("got %+v and then %+v, want %s, moved %t", got, again, test.want, test.moved)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			r = recorderAt(t, root, "v1.36.3")
			m.Generated = "newer"
			want := test.want
			if test.err != nil {
				// Nothing was recorded, so the second one may ask again.
				want, test.sandboxes = "old", []statefile.Sandbox{sandbox}
				test.sandboxes[0].CreatedAt = time.Now()
			}
			if got := r.StaticPodUID(m, func() ([]statefile.Sandbox, error) { return test.sandboxes, nil }); got.UID != want {
				t.Errorf("under the next version: got %+v, want %s", got, test.want)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestStaticPodsBehaveAsStockWhenSwitchedOff(t *testing.T) {
	m := statefile.Manifest{Path: "/m", Content: []byte("a"), Generated: "new"}
	r := recorder(t, statefile.Options{Version: "v1.31.0", Now: start, Disabled: "it is told to"})
	for name, r := range map[string]*statefile.Recorder{"disabled": r, "nil": nil} {
		if got := r.StaticPodUID(m, nil); got.UID != "new" || got.Kept {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// A kubelet that was switched off, or a stock one, started the pod under the UID that
// it made up: to give it the recorded one would recreate it for nothing.
func TestStaticPodKeepsTheUIDItRunsUnder(t *testing.T) {
	for name, test := range map[string]struct {
		running string
		age     time.Duration // of the sandbox, where the manifest is a moment old
		want    string
	}{
		"under the recorded one":                    {"30-v1", 0, "30-v1"},
		"under the made-up one":                     {"31-v1", 0, "31-v1"},
		"under none":                                {"", 0, "30-v1"},
		"under one of a kubelet in between":         {"30.5-v1", 0, "30.5-v1"},
		"under another, before its manifest's edit": {"30.5-v1", time.Hour, "30-v1"},
	} {
		t.Run(name, func(t *testing.T) {
			root, path := t.TempDir(), filepath.Join(t.TempDir(), "etcd.yaml")
			r := recorderAt(t, root, "v1.30.14")
			r.StaticPodUID(manifestAt(t, path, "image: v1", "30-v1"), nil)
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			r = recorderAt(t, root, "v1.31.0")
			m := manifestAt(t, path, "image: v1", "31-v1")
			time.Sleep(20 * time.Millisecond) // so that the sandbox is younger than the file
			asked, created := 0, time.Now().Add(-test.age)
			sandboxes := func() ([]statefile.Sandbox, error) {
				asked++
				return []statefile.Sandbox{{Namespace: "kube-system", Name: "etcd-node", UID: test.running, Ready: test.running != "", FromFile: true, CreatedAt: created}}, nil
			}
			for range 3 {
				if got := r.StaticPodUID(m, sandboxes); got.UID != test.want {
					t.Errorf("got %+v, want %s", got, test.want)
				}
			}
			if asked != 1 {
				t.Errorf("the runtime was asked %d times", asked)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// It is so too where the recorded UID is the one that is made up: a kubelet without a
// record that ran in between started the pod under its own.
func TestStaticPodOfAKubeletInBetweenIsKept(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		age     time.Duration // of the sandbox, where the manifest is a moment old
		want    string
	}{
		"the same manifest":                    {"image: v1", 0, "28"},
		"one that it read edited":              {"image: v2", 0, "28"},
		"edited since":                         {"image: v2", time.Hour, "30-2"},
		"the same, touched after it was built": {"image: v1", time.Hour, "30"},
	} {
		t.Run(name, func(t *testing.T) {
			root, path := t.TempDir(), filepath.Join(t.TempDir(), "etcd.yaml")
			r := recorderAt(t, root, "v1.30.14")
			r.StaticPodUID(manifestAt(t, path, "image: v1", "30"), nil)
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			generated := "30"
			if test.content != "image: v1" {
				generated = "30-2"
			}
			m := manifestAt(t, path, test.content, generated)
			time.Sleep(20 * time.Millisecond) // so that the sandbox is younger than the file
			created := time.Now().Add(-test.age)
			r = recorderAt(t, root, "v1.30.14")
			got := r.StaticPodUID(m, func() ([]statefile.Sandbox, error) {
				return []statefile.Sandbox{{Namespace: "kube-system", Name: "etcd-node", UID: "28", Ready: true, FromFile: true, CreatedAt: created}}, nil
			})
			if got.UID != test.want {
				t.Errorf("got %+v, want %s", got, test.want)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Two manifests of one pod: nobody knows by which of them it runs.
func TestASecondManifestOfAPodIsNotTakenOver(t *testing.T) {
	folder := t.TempDir()
	r := recorderAt(t, t.TempDir(), "v1.31.0")
	first := manifestAt(t, filepath.Join(folder, "etcd.yaml"), "image: v1", "generated")
	second := manifestAt(t, filepath.Join(folder, "etcd.yaml.bak"), "image: v0", "other")
	time.Sleep(20 * time.Millisecond)
	sandboxes := func() ([]statefile.Sandbox, error) {
		return []statefile.Sandbox{{Namespace: "kube-system", Name: "etcd-node", UID: "running", Ready: true, FromFile: true, CreatedAt: time.Now()}}, nil
	}
	if got := r.StaticPodUID(first, sandboxes); got.UID != "running" {
		t.Errorf("the control: got %+v", got)
	}
	if got := r.StaticPodUID(second, sandboxes); got.UID != "other" {
		t.Errorf("got %+v, want the stock UID", got)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}
