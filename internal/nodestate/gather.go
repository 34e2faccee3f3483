package nodestate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/steadylet/steadylet/internal/cri"
	"github.com/steadylet/steadylet/internal/kubeletconf"
	"github.com/steadylet/steadylet/internal/kubeletproc"
)

// Request says of which kubelet a state is generated.
type Request struct {
	Overrides
	// Program is the path of a kubelet that does not run now; with it, /proc isn't
	// looked at. PID chooses one of several that run, or is 0.
	Program string
	PID     int
	// Config is the kubelet's configuration file, where its command line does not
	// say it.
	Config string
	// Within bounds the container runtime's answer.
	Within time.Duration
}

// DefaultConfig is where kubeadm puts the kubelet's configuration.
const DefaultConfig = "/var/lib/kubelet/config.yaml"

// kubelet is a kubelet whose version is not known yet.
type kubelet struct {
	flags   kubeletproc.Flags
	started time.Time
	version func(context.Context) (string, error)
}

// Settle finds the kubelet and works out its settings.
func (r Request) settle(proc kubeletproc.Proc) (kubelet, Settings, error) {
	k, err := r.find(proc)
	if err != nil {
		return kubelet{}, Settings{}, err
	}
	config, err := r.config(k.flags)
	if err != nil {
		return kubelet{}, Settings{}, err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return kubelet{}, Settings{}, fmt.Errorf("asking for this host's name: %w", err)
	}
	settings, err := Resolve(r.Overrides, k.flags, config, hostname)
	return k, settings, err
}

func (r Request) find(proc kubeletproc.Proc) (kubelet, error) {
	if r.Program != "" {
		program, err := filepath.Abs(r.Program)
		if err != nil {
			return kubelet{}, err
		}
		return kubelet{version: func(ctx context.Context) (string, error) { return kubeletproc.Version(ctx, program) }}, nil
	}
	processes, err := proc.Find()
	if err != nil {
		return kubelet{}, err
	}
	process, err := kubeletproc.Only(processes, r.PID)
	if err != nil {
		return kubelet{}, err
	}
	return kubelet{
		flags: kubeletproc.ParseFlags(process.Args).In(process.Dir), started: process.Started,
		version: func(ctx context.Context) (string, error) { return proc.VersionOf(ctx, process) },
	}, nil
}

// config reads the kubelet's configuration. One that stands still has no command
// line that names it, so it is said or where kubeadm puts it.
func (r Request) config(flags kubeletproc.Flags) (kubeletconf.Config, error) {
	file := first(r.Config, flags.Config)
	if file == "" && r.Program != "" {
		file = DefaultConfig
		if _, err := os.Stat(file); err != nil {
			if r.ManifestPath != nil {
				return kubeletconf.Config{}, nil
			}
			return kubeletconf.Config{}, fmt.Errorf("%w: name the kubelet's configuration with --config, or the folder of static pods with --pod-manifest-path", err)
		}
	}
	return kubeletconf.Load(file, flags.ConfigDir)
}

// Generate looks at the node and works out its state. It writes nothing.
func (r Request) Generate(ctx context.Context, proc kubeletproc.Proc, now time.Time) (Settings, Plan, error) {
	k, settings, err := r.settle(proc)
	if err != nil {
		return Settings{}, Plan{}, err
	}
	facts := Facts{Started: k.started, Now: now}
	if facts.Version, err = k.version(ctx); err != nil {
		return Settings{}, Plan{}, err
	}
	if err := facts.gatherPods(ctx, settings, r.Within); err != nil {
		return Settings{}, Plan{}, err
	}
	plan := MakePlan(facts)
	if k.started.IsZero() {
		plan.Warnings = append(plan.Warnings, "the kubelet doesn't run, so since when it ran isn't recorded")
	}
	return settings, plan, nil
}

// gatherPods asks for the static pods: the runtime first, then the manifests (see
// statefile.Manifest.Seed). A node without manifests needs no runtime.
func (f *Facts) gatherPods(ctx context.Context, settings Settings, within time.Duration) (err error) {
	if settings.ManifestPath == "" {
		return nil
	}
	if f.Manifests, err = ReadManifests(settings.ManifestPath, settings.NodeName); err != nil || len(f.Manifests) == 0 {
		return err
	}
	if f.Sandboxes, err = cri.Sandboxes(ctx, settings.Endpoint, within); err != nil {
		return err
	}
	f.Manifests, err = ReadManifests(settings.ManifestPath, settings.NodeName)
	return err
}

// RootDir returns the root directory that is meant: what the caller says, that of the
// one kubelet that runs, or the default.
func (r Request) RootDir(proc kubeletproc.Proc) (string, error) {
	if r.Overrides.RootDir != "" {
		return filepath.Abs(r.Overrides.RootDir)
	}
	if r.Program != "" {
		return DefaultRootDir, nil
	}
	processes, err := proc.Find()
	if err != nil {
		return "", err
	}
	process, err := kubeletproc.Only(processes, r.PID)
	var none *kubeletproc.NotOneError
	if errors.As(err, &none) && len(none.Usable) == 0 {
		return DefaultRootDir, nil
	}
	if err != nil {
		return "", err
	}
	return first(kubeletproc.ParseFlags(process.Args).In(process.Dir).RootDir, DefaultRootDir), nil
}

// Running returns the version of the kubelet that is meant, as it says it.
func (r Request) Running(ctx context.Context, proc kubeletproc.Proc) (string, error) {
	k, err := r.find(proc)
	if err != nil {
		return "", err
	}
	return k.version(ctx)
}
