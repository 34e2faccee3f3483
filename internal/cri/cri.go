// Package cri asks a node's container runtime what runs. Of all that is here, only Stop
// changes anything.
//
// Every call has a deadline: a runtime that hangs gives an error that says so.
package cri

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/steadylet/steadylet/statefile"
)

// DefaultEndpoint is the kubelet's own default since 1.26.
const DefaultEndpoint = "unix:///run/containerd/containerd.sock"

// DefaultWithin bounds a call unless its caller says otherwise.
const DefaultWithin = 10 * time.Second

// maxMessage is the kubelet's own (maxMsgSize, k8s.io/cri-client/pkg), in bytes.
const maxMessage = 16 << 20

var (
	// ErrNoSocket means that nothing listens at the endpoint.
	ErrNoSocket = errors.New("the container runtime can't be reached")
	// ErrHangs means that the runtime did not answer in time.
	ErrHangs = errors.New("the container runtime does not answer")
	// ErrNoCRI means that what listens there is not a container runtime.
	ErrNoCRI = errors.New("it speaks no CRI")
)

// SocketPath returns the path of an endpoint, "unix:///run/containerd/containerd.sock"
// or the path alone.
func SocketPath(endpoint string) (string, error) {
	path := endpoint
	if scheme, rest, found := strings.Cut(endpoint, "://"); found {
		if scheme != "unix" {
			return "", fmt.Errorf("runtime endpoint %q: only unix sockets are supported: want unix:///path", endpoint)
		}
		path = rest
	}
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("runtime endpoint %q names no absolute path: want unix:///path", endpoint)
	}
	return path, nil
}

// Sandboxes lists the node's pod sandboxes, ended ones too. within bounds all of it.
func Sandboxes(ctx context.Context, endpoint string, within time.Duration) ([]statefile.Sandbox, error) {
	var found []statefile.Sandbox
	err := withConnection(ctx, endpoint, within, func(ctx context.Context, c *connection) error {
		var answer runtimeapi.ListPodSandboxResponse
		if err := c.ask(ctx, "ListPodSandbox", &runtimeapi.ListPodSandboxRequest{}, &answer); err != nil {
			return err
		}
		for _, sandbox := range answer.GetItems() {
			found = append(found, translate(sandbox))
		}
		return nil
	})
	return found, err
}

// connection is one to a runtime whose version of the CRI is found out by asking.
type connection struct {
	*grpc.ClientConn
	// alpha says that the runtime is older than CRI v1.
	alpha bool
}

// withConnection lets work ask the runtime, and says what its error means.
func withConnection(ctx context.Context, endpoint string, within time.Duration, work func(context.Context, *connection) error) error {
	socket, err := SocketPath(endpoint)
	if err != nil {
		return err
	}
	if err := checkSocket(socket); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	dialled, err := dial(socket)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", socket, err)
	}
	defer dialled.Close()
	if err := work(ctx, &connection{ClientConn: dialled}); err != nil {
		return explain(err, socket, within)
	}
	return nil
}

// checkSocket tells a missing socket from a runtime that does not answer.
func checkSocket(path string) error {
	const remedy = "start the runtime, or name its socket with --runtime-endpoint"
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%w: %w: %s", ErrNoSocket, err, remedy)
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("%w: %s is not a socket: %s", ErrNoSocket, path, remedy)
	}
	return nil
}

func dial(socket string) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///runtime",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)))
}

// ask calls a method in CRI v1, and in v1alpha2 where the runtime is older than that.
// (Their messages are the same on the wire.)
func (c *connection) ask(ctx context.Context, method string, request, answer any) error {
	if !c.alpha {
		err := c.Invoke(ctx, "/runtime.v1.RuntimeService/"+method, request, answer)
		if status.Code(err) != codes.Unimplemented {
			return err
		}
	}
	err := c.Invoke(ctx, "/runtime.v1alpha2.RuntimeService/"+method, request, answer)
	if err == nil {
		c.alpha = true
	}
	return err
}

// explain says what an error means to the one who has to mend it.
func explain(err error, socket string, within time.Duration) error {
	switch status.Code(err) {
	case codes.DeadlineExceeded:
		return fmt.Errorf("%w at %s within %s: see whether it works (crictl pods), or wait longer with --runtime-timeout", ErrHangs, socket, within)
	case codes.Unavailable:
		return fmt.Errorf("%w at %s: %w: start it, or name its socket with --runtime-endpoint", ErrNoSocket, socket, err)
	case codes.Unimplemented:
		return fmt.Errorf("%w at %s (containerd: is its plugin cri disabled?): %w", ErrNoCRI, socket, err)
	}
	return fmt.Errorf("asking the container runtime at %s: %w", socket, err)
}

// What the kubelet writes on a sandbox (pkg/kubelet/types/labels.go, and
// ConfigSourceAnnotationKey in pkg/kubelet/types/pod_update.go).
const (
	podNameLabel      = "io.kubernetes.pod.name"
	podNamespaceLabel = "io.kubernetes.pod.namespace"
	podUIDLabel       = "io.kubernetes.pod.uid"
	containerLabel    = "io.kubernetes.container.name"
	sourceAnnotation  = "kubernetes.io/config.source"
	fileSource        = "file"
)

// translate reads a sandbox as the kubelet wrote it.
func translate(sandbox *runtimeapi.PodSandbox) statefile.Sandbox {
	labels := sandbox.GetLabels()
	return statefile.Sandbox{
		Namespace: labels[podNamespaceLabel], Name: labels[podNameLabel], UID: labels[podUIDLabel],
		Ready:     sandbox.GetState() == runtimeapi.PodSandboxState_SANDBOX_READY,
		FromFile:  sandbox.GetAnnotations()[sourceAnnotation] == fileSource,
		CreatedAt: time.Unix(0, sandbox.GetCreatedAt()),
	}
}
