package upgrade

import (
	"context"
	"errors"
	"net/http"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// Server is etcd and an API server on a node's loopback address. It grants rights by
// role, as clusters do; its own client may do everything.
type Server struct {
	plane *controlPlane
}

// StartServer starts them. program is kube-apiserver. The namespace of the node's
// run is there.
func StartServer(ctx context.Context, node *testnode.Node, program string) (*Server, error) {
	plane, err := startControlPlane(ctx, node, program, planeOptions{roles: true})
	if err != nil {
		return nil, err
	}
	return &Server{plane}, nil
}

// Stop ends both programs.
func (s *Server) Stop() error { return s.plane.stop() }

// Kubeconfig returns the path of a file that leads a kubelet to the API server,
// Certificate that of the API server's own.
func (s *Server) Kubeconfig() string { return s.plane.kubeconfig }

// Certificate returns the path of the certificate that vouches for the API server.
func (s *Server) Certificate() string { return s.plane.certificate() }

// URL returns where it is reached.
func (s *Server) URL() string { return s.plane.api.base }

// Do sends a request, with body as JSON unless it is nil, and decodes the answer into
// result unless that is nil. A token says who asks; without one it is the server's own
// client.
func (s *Server) Do(ctx context.Context, token, method, path string, body, result any) error {
	client := s.plane.api
	if token != "" {
		client = newClient(client.base, token, client.http.Transport.(*http.Transport).TLSClientConfig)
	}
	return client.do(ctx, method, path, "application/json", body, result)
}

// StatusCode returns that of an answer that is no success, or 0 for another error.
func StatusCode(err error) int {
	var status *statusError
	if errors.As(err, &status) {
		return status.Code
	}
	return 0
}
