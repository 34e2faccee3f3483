package kubeletbin

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/steadylet/steadylet/internal/bounded"
	"github.com/steadylet/steadylet/internal/kubeletversion"
)

// askWithin bounds how long a program may take to say its version.
const askWithin = 30 * time.Second

// maxVersion bounds what is kept of a program's output, in bytes.
const maxVersion = 4096

// Version runs a program that is a kubelet by its content, and returns what it says of
// itself, "v1.30.14". The error matches ErrNoKubelet where the content is something else,
// which is not run, and kubeletversion.ErrNone where the answer is no kubelet's.
func Version(ctx context.Context, path string) (string, error) {
	program, err := Open(path)
	if err != nil {
		return "", err
	}
	defer program.Close()
	return program.Version(ctx)
}

// Version is the function Version of a program that Open has opened.
func (p *Program) Version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askWithin, fmt.Errorf("no answer within %s", askWithin))
	defer cancel()
	// The first extra file is descriptor 3 of the child.
	cmd := exec.CommandContext(ctx, "/proc/self/fd/3", "--version")
	cmd.Args[0], cmd.ExtraFiles = p.path, []*os.File{p.file}
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.WaitDelay = time.Second
	// What it starts ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	stdout, stderr := bounded.Buffer{Limit: maxVersion}, bounded.Buffer{Limit: maxVersion}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return "", fmt.Errorf("asking %s --version: %w%s", p.path, err, after(stderr.String()))
	}
	version, err := kubeletversion.Parse(stdout.String())
	if err != nil {
		return "", fmt.Errorf("asking %s --version: %w", p.path, err)
	}
	return version, nil
}

func after(stderr string) string {
	if stderr = strings.TrimSpace(stderr); stderr == "" {
		return ""
	}
	return fmt.Sprintf(": %.300q", stderr)
}
