package debugkit_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/debugkit"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
)

const repository = "../../.."

// sets reads the sets of breakpoints that the scripts have, by name.
func sets(t *testing.T) map[string][]debugkit.Breakpoint {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repository, "scripts", "breakpoints", "*.dlv"))
	if err != nil || len(files) != 3 {
		t.Fatalf("want three sets, got %v, %v", files, err)
	}
	found := map[string][]debugkit.Breakpoint{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		set, err := debugkit.ParseBreakpoints(string(data))
		if err != nil || len(set) == 0 {
			t.Fatalf("%s: %d breakpoints, %v", file, len(set), err)
		}
		found[strings.TrimSuffix(filepath.Base(file), ".dlv")] = set
	}
	return found
}

// Every function of every set is in every tag of the lock. Sources are taken from the
// module cache only: a tag that isn't there is skipped.
func TestBreakpointsAreInEveryLockedTag(t *testing.T) {
	all := sets(t)
	locked, err := lock.Read(filepath.Join(repository, "patches", "kubernetes.lock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range locked.Versions {
		t.Run(entry.Version.String(), func(t *testing.T) {
			tree := programtest.Module(t, "k8s.io/kubernetes@"+entry.Version.String())
			for name, set := range all {
				for _, breakpoint := range set {
					if err := breakpoint.FindIn(os.DirFS(tree)); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
		})
	}
}

func TestParseBreakpoints(t *testing.T) {
	got, err := debugkit.ParseBreakpoints("# why\nbreak a k8s.io/kubernetes/pkg/kubelet.(*Kubelet).loop\nbreak b k8s.io/kubernetes/cmd/app.Run\n\non a print pod.Name\non a print pod.UID\n")
	want := []debugkit.Breakpoint{
		{Name: "a", Package: "k8s.io/kubernetes/pkg/kubelet", Receiver: "*Kubelet", Function: "loop", Prints: []string{"pod.Name", "pod.UID"}},
		{Name: "b", Package: "k8s.io/kubernetes/cmd/app", Function: "Run"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, text := range []string{"continue", "break a main.main", "break k8s.io/kubernetes/cmd/app.Run", "on a print pod", "break a k8s.io/kubernetes/cmd/app.Run if x"} {
		if set, err := debugkit.ParseBreakpoints("# why\n" + text); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q gives %v, %v", text, set, err)
		}
	}
}

// What is missing is found out, by name.
func TestBreakpointThatIsMissing(t *testing.T) {
	tree := fstest.MapFS{
		"pkg/kubelet/a.go":      {Data: []byte("package kubelet\nfunc (k *Kubelet) loop(pod, other int) {}\nfunc free() {}\n")},
		"pkg/kubelet/a_test.go": {Data: []byte("package kubelet\nfunc tested() {}\n")},
	}
	for line, found := range map[string]bool{
		"break a k8s.io/kubernetes/pkg/kubelet.(*Kubelet).loop\non a print other": true,
		"break a k8s.io/kubernetes/pkg/kubelet.free":                              true,
		"break a k8s.io/kubernetes/pkg/kubelet.(Kubelet).loop":                    false,
		"break a k8s.io/kubernetes/pkg/kubelet.loop":                              false,
		"break a k8s.io/kubernetes/pkg/kubelet.tested":                            false,
		"break a k8s.io/kubernetes/pkg/other.free":                                false,
		"break a k8s.io/kubernetes/pkg/kubelet.(*Kubelet).loop\non a print name":  false,
	} {
		set, err := debugkit.ParseBreakpoints(line)
		if err != nil {
			t.Fatal(err)
		}
		if err := set[0].FindIn(tree); (err == nil) != found || err != nil && !errors.Is(err, debugkit.ErrNoFunction) {
			t.Errorf("%q gives %v", line, err)
		}
	}
}
