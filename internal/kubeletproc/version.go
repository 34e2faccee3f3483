package kubeletproc

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/steadylet/steadylet/internal/kubeletbin"
)

// VersionOf asks a running kubelet's own program, which may be another than what is
// now at its path. What is no kubelet by its content is not run (package kubeletbin).
func (p Proc) VersionOf(ctx context.Context, process Process) (string, error) {
	program, err := p.open(process)
	if err != nil {
		return "", err
	}
	defer program.Close()
	version, err := program.Version(ctx)
	if err != nil {
		return "", err
	}
	again, err := p.read(process.PID)
	if err != nil || !again.Started.Equal(process.Started) {
		return "", fmt.Errorf("the kubelet (process %d) ended meanwhile: try again when it runs", process.PID)
	}
	return version, nil
}

const remedy = "run steadylet on the host itself (doctor also takes the version with --from)"

// open opens the program of a process. Of one of the host it refuses a program that others
// could have put there, and one that is not what the process was started from.
func (p Proc) open(process Process) (*kubeletbin.Program, error) {
	if !p.OfHost {
		return kubeletbin.Open(p.path(process.PID, "exe"))
	}
	if !filepath.IsAbs(process.Executable) {
		return nil, fmt.Errorf("the path of the kubelet's program, %s, is not absolute: %s", process.Executable, remedy)
	}
	program, err := kubeletbin.Open(process.Executable)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, remedy)
	}
	if err := p.checkProgram(program, process); err != nil {
		program.Close()
		return nil, err
	}
	return program, nil
}

func (p Proc) checkProgram(program *kubeletbin.Program, process Process) error {
	info, err := program.Stat()
	if err != nil {
		return err
	}
	stat, isStat := info.Sys().(*syscall.Stat_t)
	switch {
	case !isStat || int(stat.Uid) != p.User || info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s can be changed by others than user %d: %s", process.Executable, p.User, remedy)
	case time.Unix(stat.Ctim.Sec, stat.Ctim.Nsec).After(process.Started):
		return fmt.Errorf("%s was changed after the kubelet started: %s", process.Executable, remedy)
	}
	return nil
}
