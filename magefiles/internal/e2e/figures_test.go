//go:build figures

// Filling a node takes minutes, so this is no part of the other tests:
//
//	go test -tags=figures -run=TestFiguresOfAFullNode ./magefiles/internal/e2e -args -root=$PWD

package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// fullNode is how many pods a node has at most, unless it is told otherwise.
const fullNode = 110

// The node command on a full node: what it takes is bounded.
func TestFiguresOfAFullNode(t *testing.T) {
	needsNode(t)
	command := buildSteadylet(t)
	kubelet, _ := fleetPrograms(t)
	node := startStateNode(t)
	fill(t, node)
	version, err := kubever.Parse("v1.31.0")
	if err != nil {
		t.Fatal(err)
	}
	running, err := node.StartKubelet("kubelet", kubelet, version, node.place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(); err != nil {
			t.Error(err)
		}
	})
	err = running.Wait(t.Context(), 15*time.Minute, "110 pods", func() (bool, error) {
		tasks, err := node.Runtime.Ctr(t.Context(), "tasks", "list")
		return strings.Count(tasks, "RUNNING") >= 2*fullNode, err
	})
	if err != nil {
		t.Fatal(err)
	}
	measureAll(t, command, running.PID())
}

// measureAll holds both commands against their bounds.
func measureAll(t *testing.T, command steadylet, kubelet int) {
	t.Helper()
	pid := strconv.Itoa(kubelet)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"doctor":         {[]string{"doctor", "--pid", pid, "--to", "v1.31.14", "-o", "table"}, "110 sandboxes, one that is ready for each pod"},
		"state generate": {[]string{"state", "generate", "--dry-run", "--pid", pid, "-o", "table"}, "/app109-steadylet "},
	} {
		for range 3 {
			took, memory, out := measure(t, command, test.args)
			t.Logf("%s: %s, %d KiB", name, took.Round(time.Millisecond), memory)
			if !strings.Contains(out, test.want) {
				t.Errorf("%s does not say %q:\n%s", name, test.want, out)
			}
			if took > time.Second || memory > 50<<10 {
				t.Errorf("%s takes %s and %d KiB, want at most a second and 50 MiB", name, took, memory)
			}
		}
	}
}

// fill adds static pods like the one there is.
func fill(t *testing.T, n *stateNode) {
	t.Helper()
	content, err := os.ReadFile(n.manifest)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < fullNode; i++ {
		name := fmt.Sprintf("app%d", i)
		other := strings.Replace(string(content), "  name: app\n", "  name: "+name+"\n", 1)
		if err := os.WriteFile(filepath.Join(filepath.Dir(n.manifest), name+".yaml"), []byte(other), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// measure runs the command, and returns how long it took and the most memory that it
// had itself, without the kubelet that it asks for its version, in KiB.
func measure(t *testing.T, command steadylet, args []string) (took time.Duration, memory int, out string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), string(command), args...)
	var written bytes.Buffer
	cmd.Stdout, cmd.Stderr = &written, &written
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v\n%s", err, written.String())
			}
			return time.Since(began), memory, written.String()
		case <-time.After(time.Millisecond):
			peak, err := peakMemory(cmd.Process.Pid)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			memory = max(memory, peak)
		}
	}
}

// peakMemory reads VmHWM of proc_pid_status(5), in KiB. One that ends has none.
func peakMemory(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "VmHWM:" {
			return strconv.Atoi(fields[1])
		}
	}
	return 0, nil
}
