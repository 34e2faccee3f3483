package cri_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/steadylet/steadylet/internal/cri"
	"github.com/steadylet/steadylet/internal/cri/critest"
	"github.com/steadylet/steadylet/statefile"
)

var created = time.Unix(1_700_000_000, 5)

func TestSandboxes(t *testing.T) {
	ended := critest.Sandbox("kube-system", "etcd-node", "old", created)
	ended.State = runtimeapi.PodSandboxState_SANDBOX_NOTREADY
	remote := critest.Sandbox("default", "web", "web-uid", created)
	remote.Annotations["kubernetes.io/config.source"] = "api"
	runtime := &critest.Runtime{Sandboxes: []*runtimeapi.PodSandbox{
		critest.Sandbox("kube-system", "etcd-node", "new", created), ended, remote, {Id: "not of a kubelet"},
	}}
	want := []statefile.Sandbox{
		{Namespace: "kube-system", Name: "etcd-node", UID: "new", Ready: true, FromFile: true, CreatedAt: created},
		{Namespace: "kube-system", Name: "etcd-node", UID: "old", FromFile: true, CreatedAt: created},
		{Namespace: "default", Name: "web", UID: "web-uid", Ready: true, CreatedAt: created},
		{Ready: true, CreatedAt: time.Unix(0, 0)},
	}
	for name, endpoint := range map[string]string{"v1": critest.Serve(t, runtime), "v1alpha2": critest.ServeAlpha(t, runtime)} {
		got, err := cri.Sandboxes(t.Context(), endpoint, cri.DefaultWithin)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v, %s", name, err, diff)
		}
	}
}

func TestContainers(t *testing.T) {
	ended := critest.HashedContainer("shop", "web", "old", "old:v1", "not a hash", created)
	ended.State = runtimeapi.ContainerState_CONTAINER_EXITED
	runtime := &critest.Runtime{Containers: []*runtimeapi.Container{
		critest.HashedContainer("shop", "web", "app", "app:v1", "ab12cd34", created), ended, {Id: "not of a kubelet"},
	}}
	hash := uint64(0xab12cd34)
	want := []cri.Container{
		{ID: "container-web-app", Namespace: "shop", Pod: "web", PodUID: "uid-of-web", Name: "app", Image: "sha256:image", ImageName: "app:v1", CreatedAt: created, Running: true, Hash: &hash},
		{ID: "container-web-old", Namespace: "shop", Pod: "web", PodUID: "uid-of-web", Name: "old", Image: "sha256:image", ImageName: "old:v1", CreatedAt: created},
	}
	for name, endpoint := range map[string]string{"v1": critest.Serve(t, runtime), "v1alpha2": critest.ServeAlpha(t, runtime)} {
		got, err := cri.Containers(t.Context(), endpoint, cri.DefaultWithin)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v, %s", name, err, diff)
		}
	}
}

// What is wrong with a runtime is told apart, in time, with a remedy.
func TestSandboxesOfARuntimeThatIsAmiss(t *testing.T) {
	dir := t.TempDir()
	file, gone := filepath.Join(dir, "file"), filepath.Join(dir, "gone.sock")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: gone, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	listener.Close()
	for name, test := range map[string]struct {
		endpoint string
		want     error
		says     string
	}{
		"hangs":           {critest.Serve(t, &critest.Runtime{Hang: true}), cri.ErrHangs, "--runtime-timeout"},
		"mute":            {mute(t), cri.ErrHangs, "--runtime-timeout"},
		"no CRI":          {critest.Serve(t, nil), cri.ErrNoCRI, "plugin cri"},
		"an error":        {critest.Serve(t, &critest.Runtime{Err: status.Error(codes.Internal, "broken")}), nil, "broken"},
		"no socket":       {"unix://" + filepath.Join(dir, "none"), cri.ErrNoSocket, "--runtime-endpoint"},
		"not a socket":    {file, cri.ErrNoSocket, "not a socket"},
		"nobody listens":  {gone, cri.ErrNoSocket, "--runtime-endpoint"},
		"another scheme":  {"tcp://127.0.0.1:1", nil, "unix:///path"},
		"a relative path": {"containerd.sock", nil, "unix:///path"},
	} {
		t.Run(name, func(t *testing.T) {
			within := cri.DefaultWithin
			if test.want == cri.ErrHangs {
				within = 300 * time.Millisecond
			}
			began := time.Now()
			got, err := cri.Sandboxes(t.Context(), test.endpoint, within)
			if err == nil || got != nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, %v; want %v with %q", got, err, test.want, test.says)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// mute takes connections and says nothing, not even that it speaks HTTP/2.
func mute(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cri")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "mute.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(listener.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "mute.sock")
}

func TestEmptyRuntime(t *testing.T) {
	got, err := cri.Sandboxes(t.Context(), critest.Serve(t, &critest.Runtime{}), cri.DefaultWithin)
	if err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}
