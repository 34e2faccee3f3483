package testnode

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"syscall"
)

// FreePort returns a TCP port of the loopback address that nobody uses now.
func FreePort() (int, error) {
	ports, err := FreePorts(1)
	if err != nil {
		return 0, err
	}
	return ports[0], nil
}

// firstPort is the lowest that is taken: below are those of services.
const firstPort = 16000

// FreePorts returns as many different ports. They are none of those that the kernel gives to
// outgoing connections (ip_local_port_range), of which one can take the port of a kubelet
// while none runs; where the host gives them nearly all, they are any.
func FreePorts(count int) ([]int, error) {
	beyond, err := firstOutgoing()
	if err != nil {
		return nil, err
	}
	var ports []int
	for range 100 * count {
		listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(firstPort+rand.IntN(beyond-firstPort)))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("finding a free port: %w", err)
		}
		defer listener.Close() // when all are found: one that is closed may be found again
		if ports = append(ports, listener.Addr().(*net.TCPAddr).Port); len(ports) == count {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("finding %d free ports: nearly all from %d to %d are in use", count, firstPort, beyond-1)
}

// firstOutgoing returns the first port that is not to be taken, which is the first one of
// outgoing connections.
func firstOutgoing() (int, error) {
	const file = "/proc/sys/net/ipv4/ip_local_port_range"
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	var first, last int
	if _, err := fmt.Sscan(string(data), &first, &last); err != nil {
		return 0, fmt.Errorf("finding a free port: reading %s: %w", file, err)
	}
	if first < firstPort+1000 {
		return 1 << 16, nil
	}
	return first, nil
}
