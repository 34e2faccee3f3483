package nodestate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/steadylet/steadylet/internal/cri"
	"github.com/steadylet/steadylet/internal/kubeletbin"
	"github.com/steadylet/steadylet/internal/kubeletconf"
	"github.com/steadylet/steadylet/internal/kubeletproc"
	"github.com/steadylet/steadylet/internal/kubeletunit"
)

// Request says of which kubelet a state is generated.
type Request struct {
	Overrides
	// Program is the path of a kubelet that does not run now; with it, /proc isn't
	// looked at. PID chooses one of several that run, or is 0.
	Program string
	PID     int
	// Version is the kubelet's where it is known: its program is not asked then.
	Version string
	// Config is the kubelet's configuration file, where its command line does not
	// say it.
	Config string
	// Within bounds the container runtime's answer.
	Within time.Duration
	// Units is the root below which units of systemd are looked for: "/", or nothing
	// where they are not. They have the flags of a kubelet that does not run.
	Units string
}

// DefaultConfig is where kubeadm puts the kubelet's configuration.
const DefaultConfig = "/var/lib/kubelet/config.yaml"

// Kubelet is the kubelet that runs, or would be started.
type Kubelet struct {
	// PID is 0 for one that does not run, Started then the zero time.
	PID     int
	Started time.Time
	// Program is the path of its program. A kubelet that runs may have been started
	// from another file at that path.
	Program string
	// Args is its command line, the program included; none where nothing has it. Source
	// says where it comes from. It may hold secrets.
	Args   []string
	Source string
	// Flags is what the command line says, with absolute paths.
	Flags kubeletproc.Flags

	version func(context.Context) (string, error)
}

// Version asks the kubelet's program for its version, "v1.30.14".
func (k Kubelet) Version(ctx context.Context) (string, error) { return k.version(ctx) }

// Gates are the feature gates that are set, by the command line or else by the
// configuration (kubeletConfigFlagPrecedence, cmd/kubelet/app/server.go). A flag that is
// repeated adds to the one before.
func (k Kubelet) Gates(config kubeletconf.Config) map[string]bool {
	gates := maps.Clone(config.FeatureGates)
	if gates == nil {
		gates = map[string]bool{}
	}
	for pair := range strings.SplitSeq(strings.Join(kubeletproc.Values(k.Args, "feature-gates"), ","), ",") {
		name, value, _ := strings.Cut(pair, "=")
		if on, err := strconv.ParseBool(strings.TrimSpace(value)); err == nil {
			gates[strings.TrimSpace(name)] = on
		}
	}
	return gates
}

// Gate returns what a feature gate is set to: the first of the names that is set.
func (k Kubelet) Gate(config kubeletconf.Config, names ...string) (on, set bool) {
	gates := k.Gates(config)
	for _, name := range names {
		if on, set = gates[name]; set {
			return on, true
		}
	}
	return false, false
}

// PodCgroups reports whether each pod has a cgroup of its own (cgroupsPerQOS), by the
// command line or else by the configuration. It is on by default.
func (k Kubelet) PodCgroups(config kubeletconf.Config) bool {
	if given, set := kubeletproc.Bool(k.Args, "cgroups-per-qos"); set {
		return given
	}
	return config.CgroupsPerQOS == nil || *config.CgroupsPerQOS
}

// Rotates reports whether the kubelet keeps a client certificate of its own
// (rotateCertificates), by the command line or else by the configuration. It is off by
// default.
func (k Kubelet) Rotates(config kubeletconf.Config) bool {
	if given, set := kubeletproc.Bool(k.Args, "rotate-certificates"); set {
		return given
	}
	return config.RotateCertificates != nil && *config.RotateCertificates
}

// Settle finds the kubelet and works out its configuration and settings.
func (r Request) Settle(proc kubeletproc.Proc) (Kubelet, kubeletconf.Config, Settings, error) {
	k, err := r.find(proc)
	if err != nil {
		return Kubelet{}, kubeletconf.Config{}, Settings{}, err
	}
	config, err := r.config(k.Flags)
	if err != nil {
		return Kubelet{}, kubeletconf.Config{}, Settings{}, err
	}
	settings, err := r.resolve(k.Flags, config)
	return k, config, settings, err
}

// Defaults works out the settings of a kubelet of which nothing is known.
func (r Request) Defaults() (Settings, error) {
	return r.resolve(kubeletproc.Flags{}, kubeletconf.Config{})
}

func (r Request) resolve(flags kubeletproc.Flags, config kubeletconf.Config) (Settings, error) {
	hostname, err := os.Hostname()
	if err != nil {
		return Settings{}, fmt.Errorf("asking for this host's name: %w", err)
	}
	return Resolve(r.Overrides, flags, config, hostname)
}

func (r Request) find(proc kubeletproc.Proc) (Kubelet, error) {
	if r.Program != "" {
		return r.stopped()
	}
	processes, err := proc.Find()
	if err != nil {
		return Kubelet{}, err
	}
	process, err := kubeletproc.Only(processes, r.PID)
	if err != nil {
		return Kubelet{}, err
	}
	return Kubelet{
		PID: process.PID, Started: process.Started, Program: process.Executable, Args: process.Args,
		Source:  fmt.Sprintf("the command line of process %d", process.PID),
		Flags:   kubeletproc.ParseFlags(process.Args).In(process.Dir),
		version: func(ctx context.Context) (string, error) { return proc.VersionOf(ctx, process) },
	}, nil
}

// stopped is the kubelet of a program, with the flags that systemd would start it with.
func (r Request) stopped() (Kubelet, error) {
	program, err := filepath.Abs(r.Program)
	if err != nil {
		return Kubelet{}, err
	}
	k := Kubelet{Program: program, version: func(ctx context.Context) (string, error) { return kubeletbin.Version(ctx, program) }}
	unit, err := r.unit()
	k.Args, k.Source, k.Flags = unit.Args, unit.Path, kubeletproc.ParseFlags(unit.Args).In("/")
	return k, err
}

// unit reads that of the kubelet. Where there is none, or its command line is not that of
// a kubelet, it is empty.
func (r Request) unit() (kubeletunit.Unit, error) {
	if r.Units == "" {
		return kubeletunit.Unit{}, nil
	}
	unit, err := kubeletunit.Load(r.Units)
	if errors.Is(err, kubeletunit.ErrNone) {
		return kubeletunit.Unit{}, nil
	}
	if err != nil {
		return kubeletunit.Unit{}, fmt.Errorf("%w: mend it, or say what it would with --root-dir, --config and --runtime-endpoint", err)
	}
	if unit.Other() != nil {
		return kubeletunit.Unit{}, nil
	}
	return unit, nil
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
	k, _, settings, err := r.Settle(proc)
	if err != nil {
		return Settings{}, Plan{}, err
	}
	facts := Facts{Started: k.Started, Now: now}
	if facts.Version = r.Version; r.Version == "" {
		facts.Version, err = k.version(ctx)
	}
	if errors.Is(err, kubeletbin.ErrNoKubelet) {
		err = fmt.Errorf("%w: name the kubelet's program with --kubelet", err)
	}
	if err != nil {
		return Settings{}, Plan{}, err
	}
	if err := facts.gatherPods(ctx, settings, r.Within); err != nil {
		return Settings{}, Plan{}, err
	}
	plan := MakePlan(facts)
	if k.Started.IsZero() {
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
// one kubelet that runs, that of the unit, or the default.
func (r Request) RootDir(proc kubeletproc.Proc) (string, error) {
	if r.Overrides.RootDir != "" {
		return filepath.Abs(r.Overrides.RootDir)
	}
	if r.Program != "" {
		return r.stoppedRootDir()
	}
	processes, err := proc.Find()
	if err != nil {
		return "", err
	}
	process, err := kubeletproc.Only(processes, r.PID)
	var none *kubeletproc.NotOneError
	if errors.As(err, &none) && len(none.Usable) == 0 {
		return r.stoppedRootDir()
	}
	if err != nil {
		return "", err
	}
	return first(kubeletproc.ParseFlags(process.Args).In(process.Dir).RootDir, DefaultRootDir), nil
}

// stoppedRootDir is the root directory of a kubelet that does not run.
func (r Request) stoppedRootDir() (string, error) {
	unit, err := r.unit()
	return first(kubeletproc.ParseFlags(unit.Args).In("/").RootDir, DefaultRootDir), err
}

// Running returns the version of the kubelet that is meant, as it says it.
func (r Request) Running(ctx context.Context, proc kubeletproc.Proc) (string, error) {
	k, err := r.find(proc)
	if err != nil {
		return "", err
	}
	return k.version(ctx)
}
