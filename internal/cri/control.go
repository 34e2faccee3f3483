package cri

import (
	"context"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Stop ends a container: it is asked to, and killed where it has not ended after grace.
// Its kubelet then starts another one, as the pod's restart policy says. One that has
// ended already is no error. within bounds the runtime's answer after that.
func Stop(ctx context.Context, endpoint, id string, grace, within time.Duration) error {
	request := &runtimeapi.StopContainerRequest{ContainerId: id, Timeout: int64(grace / time.Second)}
	return withConnection(ctx, endpoint, grace+within, func(ctx context.Context, c *connection) error {
		return c.ask(ctx, "StopContainer", request, &runtimeapi.StopContainerResponse{})
	})
}
