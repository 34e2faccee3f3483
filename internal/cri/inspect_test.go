package cri_test

import (
	"errors"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/steadylet/steadylet/internal/cri"
	"github.com/steadylet/steadylet/internal/cri/critest"
)

func TestInspect(t *testing.T) {
	driver := runtimeapi.CgroupDriver_SYSTEMD
	sandbox := critest.Sandbox("kube-system", "etcd-node", "uid", created)
	containers := []*runtimeapi.Container{{Id: "a", PodSandboxId: sandbox.Id}, {Id: "b", PodSandboxId: sandbox.Id}}
	says := &critest.Runtime{Sandboxes: []*runtimeapi.PodSandbox{sandbox}, Containers: containers, CgroupDriver: &driver}
	silent := &critest.Runtime{Sandboxes: says.Sandboxes, Containers: containers}
	for name, test := range map[string]struct{ endpoint, api, driver string }{
		"v1":             {critest.Serve(t, says), "v1", "systemd"},
		"without a word": {critest.Serve(t, silent), "v1", ""},
		"v1alpha2":       {critest.ServeAlpha(t, silent), "v1alpha2", ""},
	} {
		got, err := cri.Inspect(t.Context(), test.endpoint, cri.DefaultWithin)
		if err != nil || got.API != test.api || got.CgroupDriver != test.driver || got.Name != "critest" || got.Version != "1.6.20" {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
		if len(got.Sandboxes) != 1 || got.Sandboxes[0].UID != "uid" || got.Sandboxes[0].Running != 2 || !got.Sandboxes[0].Ready {
			t.Errorf("%s: sandboxes %+v", name, got.Sandboxes)
		}
	}
}

func TestInspectARuntimeThatIsAmiss(t *testing.T) {
	hangs, none := critest.Serve(t, &critest.Runtime{Hang: true}), critest.Serve(t, nil)
	if _, err := cri.Inspect(t.Context(), hangs, 50*time.Millisecond); !errors.Is(err, cri.ErrHangs) {
		t.Errorf("one that hangs: got %v", err)
	}
	if _, err := cri.Inspect(t.Context(), none, cri.DefaultWithin); !errors.Is(err, cri.ErrNoCRI) {
		t.Errorf("one without the CRI: got %v", err)
	}
	if _, err := cri.Inspect(t.Context(), "unix:///none.sock", cri.DefaultWithin); !errors.Is(err, cri.ErrNoSocket) {
		t.Errorf("none: got %v", err)
	}
}
