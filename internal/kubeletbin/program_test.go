package kubeletbin_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/steadylet/steadylet/internal/kubeletbin"
	"github.com/steadylet/steadylet/internal/kubeletversion"
	"github.com/steadylet/steadylet/internal/programtest"
)

// goBuild builds a program of testdata/programs into a folder of its own, as kubelet.
func goBuild(t *testing.T, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubelet")
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"build", "-ldflags=-s -w", "-o", path}, args...)...)
	cmd.Dir, cmd.Env = "testdata/programs", append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// copied copies a program into a folder of its own, as kubelet.
func copied(t *testing.T, program string) string {
	t.Helper()
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, programtest.Write, string(data))
}

// written writes a program into a folder of its own, as kubelet.
func written(t *testing.T, write func(path, text string) error, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubelet")
	if err := write(path, text); err != nil {
		t.Fatal(err)
	}
	return path
}

// leaves is a line of a script, which leaves a file beside it that says it ran.
const leaves = "touch \"${0%/*}/ran\"\n"

// The content decides what is run, whatever the name: here each is called kubelet. A
// program built of a file names no main package, as none does that Go before 1.18 built
// without modules.
func TestOnlyAKubeletIsRun(t *testing.T) {
	for name, test := range map[string]struct {
		program func(t *testing.T) string
		says    string // why it is not run, or nothing
	}{
		"a kubelet": {func(t *testing.T) string {
			return written(t, programtest.WriteKubelet, leaves+programtest.Says("v1.20.2"))
		}, ""},
		"built of a file":          {func(t *testing.T) string { return goBuild(t, "cmd/kubelet/kubelet.go") }, ""},
		"position-independent":     {func(t *testing.T) string { return goBuild(t, "-buildmode=pie", "cmd/kubelet/kubelet.go") }, ""},
		"several programs in one":  {func(t *testing.T) string { return goBuild(t, "cmd/hyperkube/main.go") }, "it is the program command-line-arguments, and"},
		"a source file of its own": {func(t *testing.T) string { return goBuild(t, "lookalike/cmd/kubelet/kubelet.go") }, "it is the program command-line-arguments, and"},
		"a start script": {func(t *testing.T) string { return written(t, programtest.Write, "#!/bin/sh\n"+leaves) },
			`it is a script ("#!/bin/sh"), and was not run`},
		"another program in Go": {func(t *testing.T) string { return written(t, programtest.WriteOther, leaves) }, "it is the program k8s.io/kubernetes/cmd/kubemark, and"},
		"a program in C":        {func(t *testing.T) string { return copied(t, "/bin/true") }, "it is a program without the build information of Go, and"},
		"an empty file":         {func(t *testing.T) string { return written(t, programtest.Write, "") }, "it is empty, and"},
		"a text":                {func(t *testing.T) string { return written(t, programtest.Write, leaves) }, "it is neither a program nor a script, and"},
	} {
		t.Run(name, func(t *testing.T) {
			path := test.program(t)
			version, err := kubeletbin.Version(t.Context(), path)
			switch {
			case test.says == "" && (err != nil || version != "v1.20.2"):
				t.Errorf("got %q, %v", version, err)
			case test.says != "" && (!errors.Is(err, kubeletbin.ErrNoKubelet) || !strings.HasPrefix(err.Error(), path+" is no kubelet: "+test.says)):
				t.Errorf("got %q, %v, want %q", version, err, test.says)
			}
			if err := kubeletbin.Check(path); errors.Is(err, kubeletbin.ErrNoKubelet) != (test.says != "") {
				t.Errorf("its content is said to be: %v", err)
			}
			if _, err := os.Lstat(filepath.Join(filepath.Dir(path), "ran")); (err == nil) != (test.says == "") {
				t.Errorf("whether it ran: %v", err)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	kubelet := func(script string) func(t *testing.T) string {
		return func(t *testing.T) string { return written(t, programtest.WriteKubelet, script) }
	}
	for name, test := range map[string]struct {
		program func(t *testing.T) string
		says    string // why there is no version, or nothing
		is      error
	}{
		"nothing of our environment": {kubelet("[ -z \"$HOME\" ] && [ \"$1\" = --version ] && " + programtest.Says("v1.20.2")), "", nil},
		"its own name":               {kubelet("[ \"${0##*/}\" = kubelet ] && " + programtest.Says("v1.20.2")), "", nil},
		"another answer":             {kubelet("echo hello\n"), "not a kubelet's answer", kubeletversion.ErrNone},
		"no end of it":               {kubelet("while echo Kubernetes; do :; done | head -c 100000\n"), "not a kubelet's answer", kubeletversion.ErrNone},
		"it fails":                   {kubelet("echo why >&2; exit 1\n"), `exit status 1: "why"`, nil},
		"none":                       {func(*testing.T) string { return "/none" }, "no such file", os.ErrNotExist},
		"a folder":                   {func(t *testing.T) string { return t.TempDir() }, "is not a regular file", nil},
		"not executable": {func(t *testing.T) string {
			path := written(t, programtest.WriteKubelet, "")
			if err := os.Chmod(path, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, "permission denied", os.ErrPermission},
	} {
		t.Run(name, func(t *testing.T) {
			version, err := kubeletbin.Version(t.Context(), test.program(t))
			switch {
			case test.says == "" && (err != nil || version != "v1.20.2"):
				t.Errorf("got %q, %v", version, err)
			case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says) || test.is != nil && !errors.Is(err, test.is)):
				t.Errorf("got %q, %v, want %q", version, err, test.says)
			}
		})
	}
}

// What was looked at is what runs, although another file takes its path in between.
func TestVersionOfWhatWasOpened(t *testing.T) {
	path := written(t, programtest.WriteKubelet, programtest.Says("v1.30.14"))
	program, err := kubeletbin.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	script := written(t, programtest.Write, "#!/bin/sh\n"+programtest.Says("v1.31.0"))
	if err := os.Rename(script, path); err != nil {
		t.Fatal(err)
	}
	if version, err := program.Version(t.Context()); err != nil || version != "v1.30.14" {
		t.Errorf("got %q, %v", version, err)
	}
}

// A program that does not answer is ended with all that it started. What it leaves in the
// background waits for a line in the pipe "go", and would then say so in the pipe "out".
func TestVersionEndsWhatDoesNotAnswer(t *testing.T) {
	dir := t.TempDir()
	out, goOn := filepath.Join(dir, "out"), filepath.Join(dir, "go")
	if err := errors.Join(syscall.Mkfifo(out, 0o600), syscall.Mkfifo(goOn, 0o600)); err != nil {
		t.Fatal(err)
	}
	path := written(t, programtest.WriteKubelet, "cd "+dir+`
exec 8<>go 9>out
(read -r line <&8 && echo stays >&9) >/dev/null 2>&1 &
echo asked >&9
wait
`)
	ctx, cancel := context.WithCancelCause(t.Context())
	asked := make(chan error, 1)
	go func() {
		_, err := kubeletbin.Version(ctx, path)
		asked <- err
	}()
	reader, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := io.ReadFull(reader, make([]byte, len("asked\n"))); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("long enough")
	cancel(enough)
	if err := <-asked; !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	writer, err := os.OpenFile(goOn, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if _, err := writer.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	if said, err := io.ReadAll(reader); err != nil || len(said) != 0 {
		t.Errorf("what it started %s (%v)", said, err)
	}
}
