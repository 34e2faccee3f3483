package firstrun

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/testnode"
	"github.com/steadylet/steadylet/statefile"
)

func TestCheck(t *testing.T) {
	const version = "v1.36.3+steadylet.00000000"
	good := func() *Report {
		now := time.Now()
		return &Report{
			Version: version, Started: now, ContainerID: "a", ContainerIDAfter: "a",
			State:   &statefile.State{Kubelet: statefile.Kubelet{Version: version, StartTime: now}},
			Reading: Reading{Name: containerName, Image: testnode.AppImage, Readable: true},
		}
	}
	if err := good().Check(version); err != nil {
		t.Fatalf("a good report fails: %v", err)
	}
	for name, test := range map[string]struct {
		spoil func(*Report)
		want  string
	}{
		"another version":   {func(r *Report) { r.Version = "v1.36.3" }, "says it is"},
		"no state":          {func(r *Report) { r.State = nil }, "no state file"},
		"state of another":  {func(r *Report) { r.State.Kubelet.Version = "v1.36.3" }, "of version"},
		"started long ago":  {func(r *Report) { r.State.Kubelet.StartTime = r.Started.Add(-time.Hour) }, "started at"},
		"started later":     {func(r *Report) { r.State.Kubelet.StartTime = r.Started.Add(time.Hour) }, "started at"},
		"unreadable":        {func(r *Report) { r.Reading.Readable = false }, "can't read"},
		"another container": {func(r *Report) { r.Reading.Name = "x" }, "read container"},
		"replaced":          {func(r *Report) { r.ContainerIDAfter = "b" }, "replaced"},
		"never ran":         {func(r *Report) { r.ContainerID, r.ContainerIDAfter = "", "" }, "replaced"},
	} {
		t.Run(name, func(t *testing.T) {
			report := good()
			test.spoil(report)
			if err := report.Check(version); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// A binary that is no kubelet: a clear error, and nothing is left behind.
func TestRunRefuses(t *testing.T) {
	require(t)
	plain := kubelet(t, "")
	if err := os.Chmod(plain, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ kubelet, want string }{
		"missing":           {"/nonexistent/kubelet", "no such file"},
		"not executable":    {plain, "permission denied"},
		"a script":          {script(t, "echo Kubernetes v1.36.3\n"), "is no kubelet"},
		"fails":             {kubelet(t, "echo no such flag >&2; exit 1\n"), "no such flag"},
		"ends once started": {kubelet(t, "test $# = 1 && echo Kubernetes v1.36.3 && exit 0; echo cannot run here >&2; exit 1\n"), "cannot run here"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := temporary(t)
			before := observe(t, dir)
			_, err := Run(t.Context(), Options{Kubelet: test.kubelet, Version: kubever.Version{Major: 1, Minor: 36}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if diff := cmp.Diff(before, observe(t, dir)); diff != "" {
				t.Errorf("left behind (-before +after):\n%s", diff)
			}
		})
	}
}
