package firstrun

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// A real debugger on a real process: it reads what a debug build has, says why it
// can't read another, and lets the process go on in every case.
func TestReadContainer(t *testing.T) {
	dir := t.TempDir()
	delve := filepath.Join(dir, "dlv")
	goBuild(t, ".", "-o", delve, "github.com/go-delve/delve/cmd/dlv")
	const called, notCalled = time.Minute, time.Second
	for name, test := range map[string]struct {
		flags, args []string
		limit       time.Duration
		readable    bool
		detail      string
	}{
		"debug":        {[]string{"-gcflags=all=-N -l"}, nil, called, true, ""},
		"optimised":    {nil, nil, called, false, "container"},
		"stripped":     {[]string{"-ldflags=-s -w"}, nil, called, false, "no debug information"},
		"never called": {[]string{"-gcflags=all=-N -l"}, []string{"idle"}, notCalled, false, "did not call"},
	} {
		t.Run(name, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "program")
			goBuild(t, "testdata/changed", append(test.flags, "-o", program, ".")...)
			pid, output := startProgram(t, program, test.args...)
			reading, err := readContainer(t.Context(), startIn(t.TempDir()), delve, pid, test.limit)
			if err != nil {
				t.Fatal(err)
			}
			if reading.Readable != test.readable || !strings.Contains(reading.Detail, test.detail) {
				t.Errorf("got %+v, want readable %t and %q", reading, test.readable, test.detail)
			}
			if test.readable && (reading.Name != "app" || reading.Image != "image:v1" || reading.Function != changedFunction) {
				t.Errorf("read %+v", reading)
			}
			goesOn(t, output)
		})
	}
}

func goBuild(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"build"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// startProgram starts a program that ends with the test.
func startProgram(t *testing.T, path string, args ...string) (pid int, output *bufio.Scanner) {
	t.Helper()
	reader, writer := io.Pipe()
	cmd := exec.Command(path, args...)
	cmd.Stdout = writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		reader.Close()
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("the program did not survive: %v", err)
		}
		cmd.Wait() //nolint:errcheck // it was killed
	})
	output = bufio.NewScanner(reader)
	if !output.Scan() {
		t.Fatal("the program says nothing")
	}
	return cmd.Process.Pid, output
}

// goesOn reads more lines than the pipe and the reader can have kept from before.
func goesOn(t *testing.T, output *bufio.Scanner) {
	t.Helper()
	for range 100 {
		if !output.Scan() {
			t.Fatalf("the program does not go on: %v", output.Err())
		}
	}
}

func TestReadContainerWithoutADebugger(t *testing.T) {
	reading, err := readContainer(t.Context(), startIn(t.TempDir()), "", 1, time.Second)
	if err != nil || reading.Readable || reading.Detail == "" {
		t.Errorf("got %+v, %v, want a reading that says that there was no debugger", reading, err)
	}
	if _, err := readContainer(t.Context(), startIn(t.TempDir()), "/nonexistent/dlv", 1, time.Second); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that the debugger is not there", err)
	}
}

// A debugger that can't attach ends with its reason, and so does the reading.
func TestReadContainerOfNoProcess(t *testing.T) {
	script := script(t, "echo could not attach >&2; exit 1\n")
	_, err := readContainer(t.Context(), startIn(t.TempDir()), script, 1, time.Second)
	var exited *testnode.ExitedError
	if !errors.As(err, &exited) || !strings.Contains(exited.Log, "could not attach") {
		t.Errorf("got %v, want an *ExitedError with the debugger's log", err)
	}
}

// startIn starts programs with their logs in that folder.
func startIn(dir string) starter {
	return func(name, program string, args ...string) (*testnode.Process, error) {
		return testnode.Start(dir, name, program, args...)
	}
}
