package testnode

import (
	"fmt"
	"net"
	"slices"
	"testing"
)

// A port that is given out can be listened on, and no outgoing connection gets it.
func TestFreePorts(t *testing.T) {
	beyond, err := firstOutgoing()
	if err != nil {
		t.Fatal(err)
	}
	ports, err := FreePorts(50)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ports)
	if len(slices.Compact(slices.Clone(ports))) != 50 || ports[0] < firstPort || ports[49] >= beyond {
		t.Errorf("got %v, want 50 different ones from %d to %d", ports, firstPort, beyond-1)
	}
	for _, port := range ports {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
	}
}
