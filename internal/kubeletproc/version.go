package kubeletproc

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

// Version runs a kubelet's program and returns what it says of itself, "v1.30.14". The error
// matches kubeletversion.ErrNone where that is no kubelet's answer.
func Version(ctx context.Context, program string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askWithin, fmt.Errorf("no answer within %s", askWithin))
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--version")
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.WaitDelay = time.Second
	stdout, stderr := bounded.Buffer{Limit: maxVersion}, bounded.Buffer{Limit: maxVersion}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return "", fmt.Errorf("asking %s --version: %w%s", program, err, after(stderr.String()))
	}
	version, err := kubeletversion.Parse(stdout.String())
	if err != nil {
		return "", fmt.Errorf("asking %s --version: %w", program, err)
	}
	return version, nil
}

// VersionOf asks a running kubelet's own program, which may be another than what is
// now at its path.
func (p Proc) VersionOf(ctx context.Context, process Process) (string, error) {
	program := p.path(process.PID, "exe")
	if p.OfHost {
		program = process.Executable
		if err := p.checkProgram(process); err != nil {
			return "", err
		}
	}
	version, err := Version(ctx, program)
	if err != nil {
		return "", err
	}
	again, err := p.read(process.PID)
	if err != nil || !again.Started.Equal(process.Started) {
		return "", fmt.Errorf("the kubelet (process %d) ended meanwhile: try again when it runs", process.PID)
	}
	return version, nil
}

// checkProgram refuses a program of the host that others could have put there, and one
// that is not what the process was started from.
func (p Proc) checkProgram(process Process) error {
	const remedy = "run steadylet on the host itself (doctor also takes the version with --from)"
	if !filepath.IsAbs(process.Executable) {
		return fmt.Errorf("the path of the kubelet's program, %s, is not absolute: %s", process.Executable, remedy)
	}
	info, err := os.Stat(process.Executable)
	if err != nil {
		return fmt.Errorf("looking at the kubelet's program: %w: %s", err, remedy)
	}
	stat, isStat := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular() || !isStat:
		return fmt.Errorf("%s is no program: %s", process.Executable, remedy)
	case int(stat.Uid) != p.User || info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s can be changed by others than user %d: %s", process.Executable, p.User, remedy)
	case time.Unix(stat.Ctim.Sec, stat.Ctim.Nsec).After(process.Started):
		return fmt.Errorf("%s was changed after the kubelet started: %s", process.Executable, remedy)
	}
	return nil
}

func after(stderr string) string {
	if stderr = strings.TrimSpace(stderr); stderr == "" {
		return ""
	}
	return fmt.Sprintf(": %.300q", stderr)
}
