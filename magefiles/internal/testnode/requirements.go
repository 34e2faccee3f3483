package testnode

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
)

// ErrNotRoot says that a run needs rights which only root has.
var ErrNotRoot = errors.New("starting a kubelet needs root, for mounts and control groups: run it as root")

// MissingError says which program a run lacks, and where to get it.
type MissingError struct {
	Program, Package string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is missing: install Debian's package %s", e.Program, e.Package)
}

// NodeError says that this host is a node already: another kubelet would empty
// its folder of device plugins, and before 1.30 remove the logs of its pods.
type NodeError struct {
	// Socket is what the other kubelet answers at.
	Socket string
}

func (e *NodeError) Error() string {
	return fmt.Sprintf("another kubelet runs on this host (it answers at %s), and two would disturb each other: stop it, or use a host that is no node", e.Socket)
}

// Require reports what this host lacks for a run: ErrNotRoot, or a *MissingError
// for the first program that is not in PATH.
func Require() error {
	if os.Geteuid() != 0 {
		return ErrNotRoot
	}
	for _, need := range []MissingError{
		{"containerd", "containerd"}, {"containerd-shim-runc-v2", "containerd"}, {"ctr", "containerd"},
		{"runc", "runc"}, {"mount", "mount"}, {busyboxPath, "busybox-static"},
	} {
		if _, err := exec.LookPath(need.Program); err != nil {
			return &need
		}
	}
	return nil
}

// deviceSocket is where a kubelet listens for device plugins, wherever its root
// directory is (k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1, KubeletSocket).
const deviceSocket = "/var/lib/kubelet/device-plugins/kubelet.sock"

// refuseNode returns a *NodeError if a kubelet answers at the socket.
func refuseNode(socket string) error {
	connection, err := net.Dial("unix", socket)
	if err != nil {
		return nil // not there, or nobody listens
	}
	return errors.Join(&NodeError{Socket: socket}, connection.Close())
}
