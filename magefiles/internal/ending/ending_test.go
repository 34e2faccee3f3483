package ending

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What this binary is run as: the target, or mage, which starts it.
const (
	role      = "ENDING_ROLE"
	folder    = "ENDING_FOLDER"
	echoes    = "ENDING_ECHO"
	asTarget  = "target"
	asStarter = "starter"
)

const (
	testTakeover = 50 * time.Millisecond
	// takenOver is when that is over, on a busy machine too.
	takenOver = time.Second
)

// What the echo is in a test, so that none depends on how fast the machine is.
const (
	noEcho  = time.Nanosecond
	anyEcho = time.Hour
)

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case asTarget:
		os.Exit(target(os.Getenv(folder), os.Getenv(echoes)))
	case asStarter:
		os.Exit(starterOf())
	}
	os.Exit(m.Run())
}

// target waits until it is asked to end, and then cleans up until it is let go. As mage has
// it, an interrupt ends the process, unless its handling is taken over.
func target(dir, echoes string) int {
	echo, err := time.ParseDuration(echoes)
	if err != nil {
		panic(err)
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	go func() {
		<-interrupts
		os.Exit(9)
	}()
	ctx, stop := heed(context.Background(), os.Stderr, testTakeover, echo)
	defer stop()
	time.Sleep(takenOver)
	note := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			panic(err)
		}
	}
	note("ready", fmt.Sprint(os.Getpid()))
	<-ctx.Done()
	note("asked", "")
	for !did(dir, "let go") {
		fmt.Fprintln(os.Stderr, "cleaning") // as targets do
		time.Sleep(10 * time.Millisecond)
	}
	note("cleaned", "")
	if !errors.Is(context.Cause(ctx), ErrAsked) {
		return 8
	}
	return 7
}

// starterOf runs the target, and waits for it.
func starterOf() int {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+asTarget)
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 0
}

// program is one that runs, in a folder of its own.
type program struct {
	cmd    *exec.Cmd
	dir    string
	stderr io.ReadCloser
}

func start(t *testing.T, as string, echo time.Duration, args ...string) *program {
	t.Helper()
	// Whoever runs the tests may ignore signals, as nohup does.
	args = append([]string{"env", "--default-signal"}, args...)
	p := &program{dir: t.TempDir(), cmd: exec.Command(args[0], args[1:]...)}
	p.cmd.Env = append(os.Environ(), role+"="+as, folder+"="+p.dir, echoes+"="+echo.String())
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if p.stderr, err = p.cmd.StderrPipe(); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }) // it may have ended
	p.await(t, "ready")
	return p
}

// did reports whether the target has noted that, or was.
func did(dir, name string) bool {
	info, err := os.Stat(filepath.Join(dir, name))
	return err == nil && (name != "ready" || info.Size() > 0)
}

func (p *program) did(name string) bool { return did(p.dir, name) }

// letGo lets the target end its clean-up.
func (p *program) letGo(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, "let go"), nil, 0o600); err != nil {
		t.Error(err)
	}
}

func (p *program) await(t *testing.T, name string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !p.did(name); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it is not %s", name)
		}
	}
}

// pid is the target's.
func (p *program) pid(t *testing.T) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(p.dir, "ready"))
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(data), &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

func (p *program) send(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(p.pid(t), signal); err != nil {
		t.Error(err)
	}
}

// ends waits until the program has ended, and wants its status, and that it has cleaned up.
func (p *program) ends(t *testing.T, status int, cleaned bool) {
	t.Helper()
	kill := time.AfterFunc(time.Minute, func() { _ = p.cmd.Process.Kill() }) // it may end just now
	defer kill.Stop()
	said, err := io.ReadAll(p.stderr)
	if err != nil && !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	_ = p.cmd.Wait() // its status is looked at
	if got := p.cmd.ProcessState.ExitCode(); got != status {
		t.Errorf("status %d, want %d (%v): %.300s", got, status, p.cmd.ProcessState, said)
	}
	if p.did("cleaned") != cleaned {
		t.Errorf("cleaned up: %t, want %t: %.300s", !cleaned, cleaned, said)
	}
}

func TestEndsInGoodOrder(t *testing.T) {
	request := func(signal syscall.Signal) func(*testing.T, *program) {
		return func(t *testing.T, p *program) {
			p.send(t, signal)
			p.await(t, "asked")
		}
	}
	for name, test := range map[string]struct {
		nohup  bool
		echo   time.Duration
		ask    func(t *testing.T, p *program)
		atOnce bool
	}{
		"SIGINT":  {ask: request(syscall.SIGINT)},
		"SIGTERM": {ask: request(syscall.SIGTERM)},
		"SIGHUP":  {ask: request(syscall.SIGHUP)},
		"one request in two signals": {echo: anyEcho, ask: func(t *testing.T, p *program) {
			request(syscall.SIGHUP)(t, p)
			p.send(t, syscall.SIGHUP)
			time.Sleep(takenOver / 5) // for it to end at once, if it does
		}},
		"two requests": {echo: noEcho, ask: func(t *testing.T, p *program) {
			request(syscall.SIGINT)(t, p)
			p.send(t, syscall.SIGINT)
		}, atOnce: true},
		"nobody reads any more": {ask: func(t *testing.T, p *program) {
			if err := p.stderr.Close(); err != nil {
				t.Error(err)
			}
			request(syscall.SIGTERM)(t, p)
		}},
		"SIGHUP under nohup, then SIGTERM": {nohup: true, ask: func(t *testing.T, p *program) {
			p.send(t, syscall.SIGHUP)
			time.Sleep(takenOver / 5)
			if p.did("asked") {
				t.Error("it heeds what it is to ignore")
			}
			request(syscall.SIGTERM)(t, p)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := []string{os.Args[0]}
			if test.nohup {
				args = append([]string{"nohup"}, args...)
			}
			p := start(t, asTarget, test.echo, args...)
			test.ask(t, p)
			if test.atOnce {
				p.ends(t, 1, false)
				return
			}
			p.letGo(t)
			p.ends(t, 7, true)
		})
	}
}

// Where mage is ended alone, which is not told to what it has started, that ends too. Any
// other program may leave it running.
func TestStarterIsGone(t *testing.T) {
	for name, ends := range map[string]bool{"mage": true, "shell": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), name)
			data, err := os.ReadFile(os.Args[0])
			if err == nil {
				err = os.WriteFile(path, data, 0o700)
			}
			if err != nil {
				t.Fatal(err)
			}
			p := start(t, asStarter, anyEcho, path)
			if err := p.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if ends {
				p.letGo(t)
				p.await(t, "cleaned")
				return
			}
			time.Sleep(time.Second)
			if p.did("asked") {
				t.Error("it ends with a program that is not mage")
			}
		})
	}
}

// What is said names the request, once, in a line of its own. The target may speak before:
// it begins to clean up also where nothing can be said, as to a terminal that is held.
func TestSays(t *testing.T) {
	const says = "terminated: cleaning up, then ending (once more: ends at once)\n"
	p := start(t, asTarget, anyEcho, os.Args[0])
	p.send(t, syscall.SIGTERM)
	p.await(t, "asked")
	p.letGo(t)
	said, err := io.ReadAll(p.stderr)
	if err != nil || strings.Count("\n"+string(said), "\n"+says) != 1 {
		t.Errorf("it says %q (%v)", said, err)
	}
	_ = p.cmd.Wait() // its status is looked at elsewhere
}
