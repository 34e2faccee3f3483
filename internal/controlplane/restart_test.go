package controlplane

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/steadylet/steadylet/internal/cri/critest"
)

// node is a container runtime with one container, and a kubelet that starts it again.
type node struct {
	runtimeapi.UnimplementedRuntimeServiceServer
	mu      sync.Mutex // guards id and stops
	id      string
	stops   int
	started string // the ID of the next container; without one nothing starts it
}

func (n *node) ListContainers(context.Context, *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.id == "" {
		return &runtimeapi.ListContainersResponse{}, nil
	}
	labels := map[string]string{
		"io.kubernetes.pod.uid": "u", "io.kubernetes.pod.name": "etcd-db-3", "io.kubernetes.pod.namespace": "kube-system", "io.kubernetes.container.name": "etcd",
	}
	return &runtimeapi.ListContainersResponse{Containers: []*runtimeapi.Container{{Id: n.id, Labels: labels, CreatedAt: 1}}}, nil
}

func (n *node) StopContainer(context.Context, *runtimeapi.StopContainerRequest) (*runtimeapi.StopContainerResponse, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.id, n.stops = n.started, n.stops+1
	return &runtimeapi.StopContainerResponse{}, nil
}

func TestRun(t *testing.T) {
	answer := func(status int) string {
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(server.Close)
		return server.URL + "/livez"
	}
	for name, test := range map[string]struct {
		old, started, probe string
		stops               int
		says                string
	}{
		"well":               {"old", "new", answer(http.StatusOK), 1, ""},
		"without a probe":    {"old", "new", "", 1, ""},
		"none ran":           {"", "new", answer(http.StatusOK), 0, ""},
		"not started again":  {"old", "", "", 1, "it does not run"},
		"ill":                {"old", "new", answer(http.StatusInternalServerError), 1, "500"},
		"nobody answers":     {"old", "new", "https://127.0.0.1:1/livez", 1, "refused"},
		"the old one stayed": {"old", "old", answer(http.StatusOK), 1, "it does not run"},
	} {
		t.Run(name, func(t *testing.T) {
			runtime := &node{id: "old", started: test.started}
			if test.old == "" {
				runtime.id = test.started
			}
			n := Node{Endpoint: critest.ServeAs(t, runtime, runtimeapi.RuntimeService_ServiceDesc.ServiceName), Within: 10 * time.Second, Patience: 50 * time.Millisecond}
			if test.says == "" {
				n.Patience = time.Minute
			}
			pod := Pod{Namespace: "kube-system", Name: "etcd-db-3"}
			id, err := n.Run(t.Context(), Restart{Pod: pod, Container: Container{Name: "etcd", Probe: test.probe}, ID: test.old})
			switch {
			case test.says == "" && (err != nil || id != "new"):
				t.Errorf("got %q, %v", id, err)
			case test.says != "" && (!errors.Is(err, ErrUnhealthy) || !strings.Contains(err.Error(), test.says)):
				t.Errorf("got %q, %v, want ErrUnhealthy that says %q", id, err, test.says)
			}
			if runtime.stops != test.stops {
				t.Errorf("%d containers were stopped, want %d", runtime.stops, test.stops)
			}
		})
	}
}
