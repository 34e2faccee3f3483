package upgrade

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/testnode"
	"github.com/steadylet/steadylet/statefile"
)

// stateRun is a run whose kubelet has left a state.
func stateRun(t *testing.T) *run {
	t.Helper()
	to := Kubelet{Version: version(t, "v1.31.0"), Patched: true}
	r := &run{
		options: Options{From: Kubelet{Version: version(t, "v1.30.14")}, To: to},
		cluster: &cluster{place: testnode.KubeletPlace{RootDir: t.TempDir()}},
	}
	state := statefile.State{}.Started("v1.31.0+steadylet.00000000", time.Now())
	if err := statefile.Save(r.stateFile(), state); err != nil {
		t.Fatal(err)
	}
	return r
}

// Each kind of damage does what it says, and the proof tells it from none.
func TestDamageAndProof(t *testing.T) {
	for name, test := range map[string]struct {
		damage change
		proof  change
		proven bool
	}{
		"recorded":              {nil, recorded, true},
		"lost":                  {loseState, recorded, false},
		"corrupt":               {corruptState, recorded, false},
		"clock set back":        {setClockBack, recorded, false},
		"not set aside":         {corruptState, setAside, false},
		"written all the same":  {nil, notRecorded, false},
		"lost, and not written": {loseState, notRecorded, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := stateRun(t)
			if test.damage != nil {
				if err := test.damage(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
			r.scenario.proof = test.proof
			if err := r.prove(t.Context()); (err == nil) != test.proven {
				t.Errorf("got %v, want proven %t", err, test.proven)
			}
		})
	}
}

// A state folder that is mounted read-only is so for root too, and the proof tells it
// from one that is not any more, or that was written behind it.
func TestReadOnly(t *testing.T) {
	programtest.NeedsRoot(t)
	r := stateRun(t)
	if err := stillReadOnly(t.Context(), r); err == nil {
		t.Error("a folder that was not mounted passes")
	}
	folder := filepath.Dir(r.stateFile())
	if err := mountReadOnly(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	mounted := true
	unmount := func() {
		if mounted {
			mounted = false
			if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		}
	}
	defer unmount()
	if err := stillReadOnly(t.Context(), r); err != nil {
		t.Error(err)
	}
	r.frozen["state.json"] = "another"
	if err := stillReadOnly(t.Context(), r); err == nil || !strings.Contains(err.Error(), "were") {
		t.Errorf("got %v of a state that was written", err)
	}
	unmount()
	if err := stillReadOnly(t.Context(), r); err == nil || !strings.Contains(err.Error(), "is to be read-only") {
		t.Errorf("got %v of a folder that can be written", err)
	}
}

func TestProof(t *testing.T) {
	r := stateRun(t)
	if err := os.WriteFile(r.stateFile()+".corrupt-1", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := both(setAside, recorded)(t.Context(), r); err != nil {
		t.Error(err)
	}
	r.options.To.Version = version(t, "v1.36.3")
	if r.prove(t.Context()) == nil {
		t.Error("the state of another kubelet passes")
	}
	r.options.To.Patched = false
	if err := r.prove(t.Context()); err != nil {
		t.Errorf("a stock kubelet has no state to prove: %v", err)
	}
	if err := disable(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(r.stateFile()), "disable")); err != nil {
		t.Error(err)
	}
}

func TestCountKept(t *testing.T) {
	metrics := `# TYPE kubelet_steadylet_decisions_total counter
kubelet_steadylet_decisions_total{step="2",verdict="kept"} 8
kubelet_steadylet_decisions_total{step="4",verdict="kept"} 1
kubelet_steadylet_decisions_total{step="5",verdict="changed"} 3
kubelet_steadylet_decisions_total{step="static-pod",verdict="kept"} 1
kubelet_steadylet_other{step="2",verdict="kept"} 99
`
	for step, want := range map[string]int{"": 10, "2": 8, "4": 1, "5": 0} {
		if got := countKept(metrics, step); got != want {
			t.Errorf("step %q: got %d, want %d", step, got, want)
		}
	}
}
