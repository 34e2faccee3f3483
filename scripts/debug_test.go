package scripts_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/rpc2"
	"github.com/google/go-cmp/cmp"
)

// buildDelve builds the debugger that go.mod pins.
func buildDelve(t *testing.T) string {
	return goBuild(t, "..", "github.com/go-delve/delve/cmd/dlv", "-trimpath")
}

// debugKubelet puts a debug build of the stand-in for a kubelet on the node.
func (n node) debugKubelet(t *testing.T, version, behaviour string, flags ...string) string {
	t.Helper()
	flags = append(flags, "-ldflags=-X main.version="+version+" -X main.behaviour="+behaviour)
	path := n.path("debug", "kubelet")
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	copyFile(t, goBuild(t, "testdata/kubelet", "./cmd/kubelet", flags...), path)
	return path
}

const unoptimised = "-gcflags=all=-N -l"

// session is a run of debug-kubelet.
type session struct {
	cmd  *exec.Cmd
	port int
	done chan struct{}

	mu  sync.Mutex
	out bytes.Buffer
}

func (s *session) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

func (s *session) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// debug starts debug-kubelet. It gets a SIGKILL only where the test has failed.
func (n node) debug(t *testing.T, args ...string) *session {
	t.Helper()
	s := &session{port: freePort(t, "127.0.0.1"), done: make(chan struct{})}
	options := []string{
		"--kubelet", n.path("bin", "kubelet"), "--dlv", buildDelve(t), "--output", n.path("log", "debug.log"),
		"--drop-in-dir", n.path("systemd"), "--port", strconv.Itoa(s.port), "--healthy-within", "60",
	}
	s.cmd = exec.Command(filepath.Join(n.here, "debug-kubelet"), append(options, args...)...)
	s.cmd.Env = append(os.Environ(), "PATH="+n.path("stubs")+":"+os.Getenv("PATH"), "TMPDIR="+n.path("tmp"))
	s.cmd.Stdout, s.cmd.Stderr = s, s
	// A process group of its own, as a shell gives one, so that SIGINT is not ignored.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, s.cmd.Start())
	go func() {
		_ = s.cmd.Wait() // its status is what the test looks at
		close(s.done)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Signal(syscall.SIGTERM) // it has ended, if all went well
		select {
		case <-s.done:
		case <-time.After(time.Minute):
			t.Errorf("debug-kubelet does not end:\n%s", s.text())
			_ = s.cmd.Process.Kill()
		}
	})
	return s
}

// await waits until the session says that.
func (s *session) await(t *testing.T, words string) {
	t.Helper()
	for range 1200 {
		if strings.Contains(s.text(), words) {
			return
		}
		select {
		case <-s.done:
			t.Fatalf("debug-kubelet ended with status %d\n%s", s.cmd.ProcessState.ExitCode(), s.text())
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatalf("debug-kubelet does not say %q:\n%s", words, s.text())
}

// end waits for the end, after a signal unless that is 0, and wants a status and words.
func (s *session) end(t *testing.T, signal syscall.Signal, status int, words ...string) {
	t.Helper()
	if signal != 0 {
		must(t, s.cmd.Process.Signal(signal))
	}
	select {
	case <-s.done:
	case <-time.After(2 * time.Minute):
		t.Fatalf("debug-kubelet does not end:\n%s", s.text())
	}
	if got := s.cmd.ProcessState.ExitCode(); got != status {
		t.Errorf("status %d, want %d\n%s", got, status, s.text())
	}
	for _, said := range words {
		if !strings.Contains(s.text(), said) {
			t.Errorf("it does not say %q:\n%s", said, s.text())
		}
	}
}

// connect connects a client of Delve.
func (s *session) connect(t *testing.T) *rpc2.RPCClient {
	t.Helper()
	connection, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)))
	must(t, err)
	t.Cleanup(func() { connection.Close() })
	return rpc2.NewClientFromConn(connection)
}

// stopIn lets the kubelet stand in a function that answers for its health.
func stopIn(t *testing.T, client *rpc2.RPCClient, function string) {
	t.Helper()
	// A breakpoint can be set while the program stands only.
	_, err := client.Halt()
	must(t, err)
	_, err = client.CreateBreakpoint(&api.Breakpoint{FunctionName: function, Line: -1})
	must(t, err)
	select {
	case state := <-client.Continue():
		must(t, state.Err)
		if state.CurrentThread == nil || state.CurrentThread.Function == nil || state.CurrentThread.Function.Name() != function {
			t.Fatalf("it stands in %+v, want %s", state.CurrentThread, function)
		}
	case <-time.After(time.Minute):
		t.Fatalf("%s is not called", function)
	}
}

// procFile splits a file of /proc that has parts.
func procFile(t *testing.T, pid, name string) []string {
	t.Helper()
	return strings.Split(strings.TrimSuffix(read(t, filepath.Join("/proc", pid, name)), "\x00"), "\x00")
}

// pidOf returns the process of the kubelet that runs that program, or nothing.
func (n node) pidOf(t *testing.T, program string) string {
	t.Helper()
	out, err := exec.Command(n.path("stubs", "steadylet"), "kubelet", "--program", program, "--print", "pid").Output()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// started is how a kubelet was started.
func (n node) started(t *testing.T, program string) (arguments, environment []string, directory string) {
	t.Helper()
	pid := n.pidOf(t, program)
	if pid == "" {
		t.Fatalf("%s does not run", program)
	}
	directory, err := os.Readlink(filepath.Join("/proc", pid, "cwd"))
	must(t, err)
	environment = slices.DeleteFunc(procFile(t, pid, "environ"), func(variable string) bool {
		return variable == "CGO_CFLAGS=-O0 -g" // Delve adds it to what it starts
	})
	slices.Sort(environment)
	return procFile(t, pid, "cmdline")[1:], environment, directory
}

// wholeAgain wants the kubelet of before to run with those arguments, and nothing of the
// session to be left.
func (n node) wholeAgain(t *testing.T, debug string, arguments []string) {
	t.Helper()
	n.runs(t, buildKubelet(t, "v1.30.14", "well"))
	now, _, _ := n.started(t, n.path("bin", "kubelet"))
	if diff := cmp.Diff(arguments, now); diff != "" {
		t.Errorf("its arguments changed: %s", diff)
	}
	if debug != "" {
		if pid := n.pidOf(t, debug); pid != "" {
			t.Errorf("process %s still runs %s", pid, debug)
		}
	}
	n.clean(t)
}

// A session under Delve, ended in each way that there is.
func TestDebugKubelet(t *testing.T) {
	const handler = "main.serve.func1"
	for name, test := range map[string]struct {
		args []string
		// during does something and returns the signal that ends the session, if one does.
		during func(t *testing.T, n node, s *session, debug string) syscall.Signal
		says   string
	}{
		"SIGINT":          {nil, func(*testing.T, node, *session, string) syscall.Signal { return syscall.SIGINT }, ""},
		"SIGHUP":          {nil, func(*testing.T, node, *session, string) syscall.Signal { return syscall.SIGHUP }, ""},
		"over":            {[]string{"--limit=1"}, func(*testing.T, node, *session, string) syscall.Signal { return 0 }, "1 s are over"},
		"at a breakpoint": {nil, func(t *testing.T, n node, s *session, debug string) syscall.Signal { return standing(t, n, s, handler) }, ""},
		"client detaches": {nil, func(t *testing.T, _ node, s *session, _ string) syscall.Signal {
			client := s.connect(t)
			_, err := client.Halt() // as a client does that is told to leave
			must(t, err)
			must(t, client.Detach(true))
			return 0
		}, "the debugger has ended"},
		"debugger killed": {nil, func(t *testing.T, _ node, s *session, debug string) syscall.Signal { killParent(t, s, debug); return 0 }, "the debugger has ended"},
		"kubelet killed": {nil, func(t *testing.T, n node, _ *session, debug string) syscall.Signal {
			kill(t, n.pidOf(t, debug))
			return 0
		}, "the kubelet under the debugger has ended"},
		"held at the start": {[]string{"--wait"}, func(t *testing.T, n node, s *session, _ string) syscall.Signal {
			stopIn(t, s.connect(t), "main.serve")
			return syscall.SIGTERM
		}, "no working kubelet until a client lets it go on"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t)
			debug := n.debugKubelet(t, "v1.30.14+steadylet.0a1b2c3d", "well", unoptimised)
			arguments, environment, directory := n.started(t, n.path("bin", "kubelet"))
			s := n.debug(t, append(test.args, debug)...)
			s.await(t, "Ctrl-C ends it")
			if name != "over" {
				// A debugger listens before it has executed the program.
				for end := time.Now().Add(time.Minute); n.pidOf(t, debug) == "" && time.Now().Before(end); {
					time.Sleep(100 * time.Millisecond)
				}
				gotArguments, gotEnvironment, gotDirectory := n.started(t, debug)
				if diff := cmp.Diff([]any{arguments, environment, directory}, []any{gotArguments, gotEnvironment, gotDirectory}); diff != "" {
					t.Errorf("it was not started as the kubelet of before: %s", diff)
				}
				if pid := n.pidOf(t, n.path("bin", "kubelet")); pid != "" {
					t.Errorf("the kubelet of before still runs, as process %s", pid)
				}
			}
			signal := test.during(t, n, s, debug)
			s.end(t, signal, 0, test.says, "kubelet v1.30.14 runs again")
			if strings.Contains(s.text(), "is optimised") || strings.Contains(s.text(), "no DWARF") {
				t.Errorf("it calls a debug build optimised:\n%s", s.text())
			}
			if calls := n.calls(t); calls != "cat show stop start" {
				t.Errorf("systemctl was called with %q", calls)
			}
			n.wholeAgain(t, debug, arguments)
		})
	}
}

// standing lets the kubelet stand at a breakpoint when the session is to end.
func standing(t *testing.T, n node, s *session, function string) syscall.Signal {
	t.Helper()
	// Asks the kubelet for its health, over and over: the first answer may come before the
	// breakpoint is set.
	go func() {
		for ; t.Context().Err() == nil; time.Sleep(100 * time.Millisecond) {
			_ = exec.CommandContext(t.Context(), n.path("stubs", "steadylet"), "kubelet", "--program", n.path("debug", "kubelet"), "--wait", "60s").Run()
		}
	}()
	stopIn(t, s.connect(t), function)
	return syscall.SIGTERM
}

func kill(t *testing.T, pid string) {
	t.Helper()
	number, err := strconv.Atoi(pid)
	must(t, err)
	must(t, syscall.Kill(number, syscall.SIGKILL))
}

// killParent kills the debugger, which is what listens for the session.
func killParent(t *testing.T, s *session, debug string) {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	for _, path := range processes {
		data, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(data), "\x00exec\x00") && strings.Contains(string(data), ":"+strconv.Itoa(s.port)+"\x00") && strings.Contains(string(data), debug) {
			kill(t, filepath.Base(filepath.Dir(path)))
			return
		}
	}
	t.Fatal("there is no debugger")
}

// One that is attached to goes on, also from a breakpoint, and is the same process.
func TestDebugKubeletAttached(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	arguments, _, _ := n.started(t, n.path("bin", "kubelet"))
	pid := n.pidOf(t, n.path("bin", "kubelet"))
	s := n.debug(t, "--attach")
	s.await(t, "Ctrl-C ends it")
	client := s.connect(t)
	_, err := client.Halt()
	must(t, err)
	// A second session is told of the first.
	second := n.debug(t, "--attach", "--dry-run")
	second.end(t, 0, 2, "is being debugged already", "nothing was changed")
	s.end(t, syscall.SIGTERM, 0, "kubelet v1.30.14 runs again")
	if now := n.pidOf(t, n.path("bin", "kubelet")); now != pid {
		t.Errorf("process %s became %s", pid, now)
	}
	if calls := n.calls(t); calls != "cat show" {
		t.Errorf("systemctl was called with %q", calls)
	}
	n.wholeAgain(t, "", arguments)
}

// What does not come up is undone.
func TestDebugKubeletThatFails(t *testing.T) {
	for name, test := range map[string]struct{ behaviour, says string }{
		"ends": {"ends", "does not become healthy"},
		"sick": {"sick", "does not become healthy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t)
			arguments, _, _ := n.started(t, n.path("bin", "kubelet"))
			debug := n.debugKubelet(t, "v1.30.14", test.behaviour, unoptimised)
			n.debug(t, "--healthy-within", "20", debug).end(t, 0, 3, test.says, "kubelet v1.30.14 runs again")
			n.wholeAgain(t, debug, arguments)
		})
	}
}
