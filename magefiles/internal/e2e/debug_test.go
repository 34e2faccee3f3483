package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/rpc2"
	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/debugkit"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/source"
	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// debugScripts is the part of the kit that debug-kubelet wants beside itself.
var debugScripts = []string{"debug-kubelet", "debug-session.bash", "debug-unit.bash", "common.bash", "kubelet-service.bash"}

// A client of Delve reads the container that a live kubelet compares, under the script,
// and the node is as it was afterwards: the same kubelet with the same arguments, and the
// same containers all the time. The sources that Delve names are found in other places.
func TestDebugKubelet(t *testing.T) {
	needsSupervisor(t)
	p := open(t)
	tree := fetch(t, p, pipeline.SourceOptions{Version: "v1.31.0", Kind: "module"})
	stock := compile(t, p, tree, pipeline.StockSeries)
	patched := compile(t, p, tree, pipeline.DefaultSeries)
	checkout(t, p, tree)
	delve, err := p.Delve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := superviseKubelet(t, stock.Path, false, "")
	for _, script := range debugScripts {
		copyFile(t, filepath.Join("..", "..", "..", "scripts", script), filepath.Join(s.kit, script))
	}
	copyFile(t, delve, filepath.Join(s.kit, "dlv"))
	if err := os.CopyFS(filepath.Join(s.kit, "breakpoints"), os.DirFS(filepath.Join("..", "..", "..", "scripts", "breakpoints"))); err != nil {
		t.Fatal(err)
	}
	first, arguments := s.running(t), s.arguments(t)

	session, port := s.debug(t, patched.Path)
	said := s.converse(t, port, "restart")
	if !strings.Contains(said, "container.Name: ") || !strings.Contains(said, "container.Image: \""+testnode.AppImage+"\"") {
		t.Errorf("the set of breakpoints does not print containers:\n%s", said)
	}
	client := dial(t, port)
	halt(t, client)
	where := stopAt(t, client, "k8s.io/kubernetes/pkg/kubelet/kuberuntime.containerChanged", 2*time.Minute)
	name, image := evaluate(t, client, where, "container.Name"), evaluate(t, client, where, "container.Image")
	if first[name] == "" || image != testnode.AppImage {
		t.Errorf("it read container %q with image %q, want one of %v with %q", name, image, first, testnode.AppImage)
	}
	// A checked-out tree is the one that was compiled, and may lie anywhere.
	sameTree(t, patched.Path, tree.Worktree, where)
	letGo(t, client)
	s.awaitHealthy(t, patched.Path)
	if diff := cmp.Diff(first, s.running(t)); diff != "" {
		t.Errorf("containers were replaced: %s", diff)
	}
	out := session(syscall.SIGINT)
	if !strings.Contains(out, "runs again") {
		t.Errorf("it does not say what runs:\n%s", out)
	}
	s.runs(t, stock.Path)
	if diff := cmp.Diff(arguments, s.arguments(t)); diff != "" {
		t.Errorf("the kubelet has other arguments than before: %s", diff)
	}
	if diff := cmp.Diff(first, s.running(t)); diff != "" {
		t.Errorf("containers were replaced: %s", diff)
	}
}

// checkout brings the patched tree to where it was compiled, and a stock one after it.
func checkout(t *testing.T, p *pipeline.Pipeline, tree *source.Tree) {
	t.Helper()
	patched, err := p.Patch(t.Context(), tree, pipeline.PatchOptions{Series: pipeline.DefaultSeries})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Checkout(t.Context(), patched); err != nil {
		t.Fatal(err)
	}
}

// arguments returns the command line of the kubelet that is installed.
func (s *supervised) arguments(t *testing.T) []string {
	t.Helper()
	s.awaitHealthy(t, s.installed)
	out, err := exec.CommandContext(t.Context(), filepath.Join(s.kit, "steadylet"), "kubelet", "--program", s.installed, "--print", "pid").Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(string(out)), "cmdline"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(data), "\x00")
}

func (s *supervised) awaitHealthy(t *testing.T, program string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(s.kit, "steadylet"), "kubelet", "--program", program, "--wait", "60s").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, out, s.kubeletLog())
	}
}

// debug starts debug-kubelet and waits until it is up. What it returns ends it with a
// signal, wants the exit status 0, and returns what was said.
func (s *supervised) debug(t *testing.T, kubelet string) (end func(syscall.Signal) string, port int) {
	t.Helper()
	port, err := testnode.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(s.Dir(), "debug-kubelet.out")
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(filepath.Join(s.kit, "debug-kubelet"), "--kubelet", s.installed, "--port", strconv.Itoa(port),
		"--output", filepath.Join(s.Dir(), "debug", "kubelet.log"), "--stop-command", filepath.Join(s.kit, "stop"),
		"--start-command", filepath.Join(s.kit, "start"), kubelet)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := func() string {
		data, err := os.ReadFile(log)
		if err != nil {
			return err.Error()
		}
		return string(data)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	ended := false
	end = func(signal syscall.Signal) string {
		if ended {
			return said()
		}
		ended = true
		_ = cmd.Process.Signal(signal) // it may have ended
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("debug-kubelet: %v\n%s", err, said())
			}
		case <-time.After(3 * time.Minute):
			t.Errorf("debug-kubelet does not end:\n%s", said())
		}
		return said()
	}
	t.Cleanup(func() { end(syscall.SIGTERM) })
	for range 600 {
		if strings.Contains(said(), "Ctrl-C ends it") {
			return end, port
		}
		select {
		case err := <-done:
			ended = true
			t.Fatalf("debug-kubelet ended: %v\n%s", err, said())
		case <-time.After(500 * time.Millisecond):
		}
	}
	t.Fatalf("debug-kubelet does not come up:\n%s", said())
	return nil, 0
}

// converse runs Delve's own client with a set of breakpoints, lets the kubelet go on from
// some of them, leaves it running, and returns what the client wrote.
func (s *supervised) converse(t *testing.T, port int, set string) string {
	t.Helper()
	breakpoints, err := exec.CommandContext(t.Context(), filepath.Join(s.kit, "debug-kubelet"), "--breakpoints", set).Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(s.Dir(), set+".dlv")
	if err := os.WriteFile(file, breakpoints, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	// Both pods may be looked at before a container of either is.
	client := exec.CommandContext(ctx, filepath.Join(s.kit, "dlv"), "connect", fmt.Sprintf("127.0.0.1:%d", port),
		"--allow-non-terminal-interactive=true", "--init", file)
	client.Stdin = strings.NewReader(strings.Repeat("continue\n", 4) + "clearall\nexit -c\n")
	out, err := client.CombinedOutput()
	if err != nil {
		t.Fatalf("dlv connect: %v\n%s", err, out)
	}
	return string(out)
}

// dial connects a client of Delve.
func dial(t *testing.T, port int) *rpc2.RPCClient {
	t.Helper()
	connection, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return rpc2.NewClientFromConn(connection)
}

func halt(t *testing.T, client *rpc2.RPCClient) {
	t.Helper()
	if _, err := client.Halt(); err != nil {
		t.Fatal(err)
	}
}

// stopAt lets a program that stands go on until a function is called.
func stopAt(t *testing.T, client *rpc2.RPCClient, function string, within time.Duration) *api.Thread {
	t.Helper()
	if _, err := client.CreateBreakpoint(&api.Breakpoint{Name: "wanted", FunctionName: function, Line: -1}); err != nil {
		t.Fatal(err)
	}
	select {
	case state := <-client.Continue():
		thread := state.CurrentThread
		if state.Err != nil || thread == nil || thread.Function == nil || thread.Function.Name() != function {
			t.Fatalf("it stands in %+v (%v), want %s", thread, state.Err, function)
		}
		return thread
	case <-time.After(within):
		t.Fatalf("%s is not called within %s", function, within)
	}
	return nil
}

// letGo lets it go on for good.
func letGo(t *testing.T, client *rpc2.RPCClient) {
	t.Helper()
	if _, err := client.ClearBreakpointByName("wanted"); err != nil {
		t.Fatal(err)
	}
	client.Continue()
	if err := client.Disconnect(true); err != nil {
		t.Fatal(err)
	}
}

func evaluate(t *testing.T, client *rpc2.RPCClient, where *api.Thread, expression string) string {
	t.Helper()
	read, err := client.EvalVariable(api.EvalScope{GoroutineID: where.GoroutineID}, expression, api.LoadConfig{FollowPointers: true, MaxStringLen: 256})
	if err != nil || read.Unreadable != "" {
		t.Fatalf("%s: %v %+v", expression, err, read)
	}
	return read.Value
}

// sameTree wants the line where a kubelet stands to be found in its tree by another path,
// and its file in the sources of the tag, which are in the other layout.
func sameTree(t *testing.T, kubelet, worktree string, where *api.Thread) {
	t.Helper()
	recorded, err := debugkit.ReadPaths(kubelet)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "tree")
	if err := os.Symlink(worktree, elsewhere); err != nil {
		t.Fatal(err)
	}
	tree, err := debugkit.FindTree(elsewhere, "")
	if err != nil {
		t.Fatal(err)
	}
	file := debugkit.Resolve(debugkit.Rules(recorded, tree), where.File)
	if !strings.HasPrefix(file, elsewhere) {
		t.Errorf("%s is looked for at %s, not in %s", where.File, file, elsewhere)
	}
	if line := lineOf(t, file, where.Line); !strings.Contains(line, "func containerChanged(") {
		t.Errorf("%s:%d is %q", file, where.Line, line)
	}
	published, err := debugkit.FindTree(filepath.Join(programtest.ModuleCache(t), "k8s.io", "kubernetes@v1.31.0"), "")
	if err != nil {
		t.Fatal(err)
	}
	file = debugkit.Resolve(debugkit.Rules(recorded, published), where.File)
	data, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(data, []byte("\nfunc containerChanged(")) {
		t.Errorf("%s is no file with the function: %v", file, err)
	}
}

func lineOf(t *testing.T, file string, number int) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	if number < 1 || number > len(lines) {
		t.Fatalf("%s has no line %d", file, number)
	}
	return lines[number-1]
}

// runcVersion is one that the go command has for the locked kubelets anyway.
const runcVersion = "v1.1.13"

// A debug build of runc is read as well, from the recipe to the line.
func TestDebugRunc(t *testing.T) {
	programtest.NeedsC(t)
	p := open(t)
	delve, err := p.Delve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	runc, err := p.DebugBuild(t.Context(), "runc", runcVersion, runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	port, err := testnode.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	server, err := testnode.Start(dir, "dlv", delve, "exec", runc, "--headless", "--api-version=2", "--accept-multiclient", "--check-go-version=false",
		fmt.Sprintf("--listen=127.0.0.1:%d", port), "--", "--root", filepath.Join(dir, "state"), "list")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	err = server.Wait(t.Context(), 2*time.Minute, "Delve to listen", func() (bool, error) {
		data, err := os.ReadFile(server.Log())
		return bytes.Contains(data, []byte("API server listening at")), err
	})
	if err != nil {
		t.Fatal(err)
	}
	client := dial(t, port)
	where := stopAt(t, client, "main.getContainers", time.Minute)
	if root := evaluate(t, client, where, `context.parentContext != nil`); root != "true" {
		t.Errorf("its argument can't be read: %s", root)
	}
	if line := lineOf(t, where.File, where.Line); !strings.Contains(line, "func getContainers(") {
		t.Errorf("%s:%d is %q", where.File, where.Line, line)
	}
	if err := client.Detach(true); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Logf("detaching: %v", err)
	}
}
