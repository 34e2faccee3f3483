// Package scripts_test runs the scripts: against systemd's stand-in and a program that
// does of a kubelet what they look at. Real kubelets under a real supervisor are in
// magefiles/internal/e2e.
package scripts_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/steadylet/steadylet/internal/cri/critest"
	"github.com/steadylet/steadylet/internal/programtest"
)

// tools is the folder of what build makes. TestMain removes it.
var tools = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "steadylet-scripts") })

func TestMain(m *testing.M) {
	// Under nohup it would be ignored, and so by every script: a shell can't take it back.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	code := m.Run()
	if dir, err := tools(); err == nil {
		err = os.RemoveAll(dir)
		if err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// built says which programs there are already.
var built sync.Map

// build builds a program once, and returns its path.
func build(t *testing.T, dir, pack, flags string) string {
	t.Helper()
	return goBuild(t, dir, pack, "-ldflags", "-s -w "+flags)
}

// goBuild is build with flags of the go command.
func goBuild(t *testing.T, dir, pack string, flags ...string) string {
	t.Helper()
	folder, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, fmt.Sprintf("%x", sha256.Sum256([]byte(fmt.Sprint(pack, flags)))))
	once, _ := built.LoadOrStore(path, sync.OnceValue(func() error {
		cmd := exec.Command("go", slices.Concat([]string{"build", "-o", path}, flags, []string{pack})...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", pack, err, out)
		}
		return nil
	}))
	if err := once.(func() error)(); err != nil {
		t.Fatal(err)
	}
	return path
}

func buildSteadylet(t *testing.T) string {
	return build(t, "..", "./cmd/steadylet", "")
}

// buildKubelet builds a program that says it is that version and behaves so: see
// testdata/kubelet.
func buildKubelet(t *testing.T, version, behaviour string) string {
	return build(t, "testdata/kubelet", "./cmd/kubelet", "-X main.version="+version+" -X main.behaviour="+behaviour)
}

// node is a node with systemd's stand-in. Everything of it lies in dir.
type node struct {
	dir string
	// here is the folder of scripts.
	here string
}

func (n node) path(elements ...string) string {
	return filepath.Join(append([]string{n.dir}, elements...)...)
}

// startNode starts a node whose kubelet is of version v1.30.14.
func startNode(t *testing.T) node {
	t.Helper()
	n := newNode(t)
	n.start(t)
	return n
}

// newNode makes the folders of a node.
func newNode(t *testing.T) node {
	t.Helper()
	programtest.Needs(t, "bash", "bash")
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	n := node{dir: t.TempDir(), here: here}
	for _, folder := range []string{"bin", "stubs", "root", "tmp"} {
		if err := os.Mkdir(n.path(folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func (n node) start(t *testing.T) {
	t.Helper()
	copyFile(t, buildKubelet(t, "v1.30.14", "well"), n.path("bin", "kubelet"))
	copyFile(t, buildSteadylet(t), n.path("stubs", "steadylet"))
	copyFile(t, "testdata/systemctl", n.path("stubs", "systemctl"))
	n.unit(t, "kubeadm")
	address := ownAddress()
	config, err := json.Marshal(map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"healthzBindAddress": address, "healthzPort": freePort(t, address), "containerRuntimeEndpoint": critest.Serve(t, n.runtime()),
	})
	if err != nil {
		t.Fatal(err)
	}
	write(t, n.path("kubelet.json"), string(config))
	if out, err := exec.Command(n.path("stubs", "systemctl"), "start", "kubelet").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() { n.stop(t) })
	n.await(t)
}

// runtime has one pod of two containers. A kubelet that replaces containers leaves a
// file that says so.
func (n node) runtime() *critest.Runtime {
	uid := "uid-of-web"
	helper := critest.Container("helper-1", "default", "web", uid, "helper")
	return &critest.Runtime{
		Sandboxes: []*runtimeapi.PodSandbox{critest.Sandbox("default", "web", uid, made)},
		Now: func() []*runtimeapi.Container {
			id := "app-1"
			if _, err := os.Lstat(n.path("root", "replaced")); err == nil {
				id = "app-2"
			}
			return []*runtimeapi.Container{helper, critest.Container(id, "default", "web", uid, "app")}
		},
	}
}

// unit gives the node the unit files of a fixture, with its own kubelet in the place of
// /usr/bin/kubelet.
func (n node) unit(t *testing.T, name string) {
	t.Helper()
	write(t, n.path("unit"), strings.ReplaceAll(read(t, filepath.Join("testdata", "units", name)), "/usr/bin/kubelet", n.path("bin", "kubelet")))
}

// await waits until the node's kubelet is healthy.
func (n node) await(t *testing.T) {
	t.Helper()
	out, err := exec.Command(n.path("stubs", "steadylet"), "kubelet", "--program", n.path("bin", "kubelet"), "--wait", "30s").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// stop ends the kubelet that the stand-in started last. Another process may have its ID
// by now.
func (n node) stop(t *testing.T) {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(read(t, n.path("pid"))))
	if err != nil {
		t.Fatal(err)
	}
	if args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err != nil || !strings.Contains(string(args), n.dir) {
		return
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Error(err)
	}
}

// within is how long a kubelet of that behaviour is waited for: the ones that are ill take
// all of it, the others what a loaded machine takes to start them.
func within(behaviour string) string {
	if behaviour == "well" || behaviour == "replaces" {
		return "--healthy-within=60"
	}
	return "--healthy-within=10"
}

// command is a script on the node, with what every run of it needs.
func (n node) command(t *testing.T, script string, args ...string) *exec.Cmd {
	t.Helper()
	options := []string{"--kubelet", n.path("bin", "kubelet"), "--backup-dir", n.path("backups"), "--calm", "1", "--healthy-within", "10"}
	cmd := exec.CommandContext(t.Context(), filepath.Join(n.here, script), append(options, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+n.path("stubs")+":"+os.Getenv("PATH"), "TMPDIR="+n.path("tmp"))
	return cmd
}

// run runs a script, and returns its exit status and what it wrote.
func (n node) run(t *testing.T, script string, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	cmd := n.command(t, script, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// calls returns what systemd's stand-in was asked since the node was started, and fails
// the test for what it did not expect.
func (n node) calls(t *testing.T) string {
	t.Helper()
	if unexpected, err := os.ReadFile(n.path("unexpected")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("unexpected calls of systemctl: %s (%v)", unexpected, err)
	}
	words := strings.Fields(strings.NewReplacer(" kubelet", "", " --property=NeedDaemonReload", "").Replace(read(t, n.path("calls"))))
	return strings.Join(words[1:], " ") // the first start is the test's own
}

// clean wants nothing left beside the kubelet and in the folder of temporary files.
func (n node) clean(t *testing.T) {
	t.Helper()
	for _, folder := range []string{"bin", "tmp"} {
		entries, err := os.ReadDir(n.path(folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if entry.Name() != "kubelet" {
				t.Errorf("%s is left in %s", entry.Name(), folder)
			}
		}
	}
}

// runs wants the node's kubelet to be healthy, and to be that program.
func (n node) runs(t *testing.T, program string) {
	t.Helper()
	n.await(t)
	if read(t, n.path("bin", "kubelet")) != read(t, program) {
		t.Errorf("another kubelet is in place")
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	must(t, programtest.Write(to, read(t, from)))
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// nodes counts the nodes of this run.
var nodes atomic.Uint32

// ownAddress returns a loopback address that no other node has: while a kubelet is
// stopped, nobody else may get its port.
func ownAddress() string {
	n := nodes.Add(1)
	return fmt.Sprintf("127.%d.%d.%d", 1+os.Getpid()%250, 1+n/250, 1+n%250)
}

func freePort(t *testing.T, address string) int {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
