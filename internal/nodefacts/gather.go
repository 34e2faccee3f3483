// Package nodefacts gathers what package doctor judges: from /proc, the kubelet's
// files, systemd's units, the container runtime and the API server. It only reads, and
// runs no program but the kubelet (for its version, and only what is one by its content),
// the four of iptables, dpkg-query and rpm.
//
// Everything that may hang has a deadline. What can't be gathered is in the facts as
// an error; nothing stops the rest.
package nodefacts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/steadylet/steadylet/internal/cri"
	"github.com/steadylet/steadylet/internal/doctor"
	"github.com/steadylet/steadylet/internal/kubeletbin"
	"github.com/steadylet/steadylet/internal/kubeletconf"
	"github.com/steadylet/steadylet/internal/kubeletproc"
	"github.com/steadylet/steadylet/internal/kubeletunit"
	"github.com/steadylet/steadylet/internal/nodestate"
	"github.com/steadylet/steadylet/statefile"
)

// Request says of which kubelet the facts are, and of which upgrade.
type Request struct {
	nodestate.Request
	// From is the version that runs, where it is not to be asked for; To the one to come.
	From, To doctor.Release
	// BackupDir is where copies of kubelets are kept, besides beside the program.
	BackupDir string
	// KubernetesDir is where kubeadm puts things, or empty for its default.
	KubernetesDir string
}

// DefaultBackupDir is where scripts/upgrade-kubelet keeps them.
const DefaultBackupDir = "/var/lib/steadylet/kubelets"

// node is what gathering goes by.
type node struct {
	request  Request
	kubelet  nodestate.Kubelet
	config   kubeletconf.Config
	settings nodestate.Settings
	now      time.Time
	proc     kubeletproc.Proc
}

// Gather looks at the node. Its error is one of the request: a configuration that it
// names and that can't be read. Where no kubelet is found, or what it was started with
// can't be read, the defaults stand in for its settings.
func Gather(ctx context.Context, request Request, proc kubeletproc.Proc, now time.Time) (doctor.Facts, error) {
	n := node{request: request, now: now, proc: proc}
	facts := doctor.Facts{Now: now, To: request.To, From: request.From}
	var err error
	n.kubelet, n.config, n.settings, err = settle(request, proc)
	var none *kubeletproc.NotOneError
	if errors.As(err, &none) || err != nil && request.Config == "" && request.Program == "" && request.PID == 0 {
		facts.Kubelet.Err = err
		n.settings, err = request.Defaults()
	}
	if err != nil {
		return doctor.Facts{}, err
	}
	if n.kubelet.PID == 0 && n.kubelet.Program != "" {
		if err := kubeletbin.Check(n.kubelet.Program); errors.Is(err, kubeletbin.ErrNoKubelet) {
			facts.Kubelet.Err = err
		}
	}
	facts.Node = n.settings.NodeName
	if facts.Kubelet.Err == nil {
		facts.Kubelet = n.describeKubelet()
	}
	n.gather(ctx, &facts)
	return facts, nil
}

// settle finds the kubelet. Where none runs it is the one that systemd would start. Where
// that is no kubelet, such as a script, the program is not known.
func settle(request Request, proc kubeletproc.Proc) (nodestate.Kubelet, kubeletconf.Config, nodestate.Settings, error) {
	kubelet, config, settings, err := request.Settle(proc)
	var none *kubeletproc.NotOneError
	if !errors.As(err, &none) || !none.None() || request.Units == "" {
		return kubelet, config, settings, err
	}
	unit, unitErr := kubeletunit.Load(request.Units)
	if unitErr != nil {
		return kubelet, config, settings, err
	}
	request.Program = unit.Args[0]
	kubelet, config, settings, err = request.Settle(proc)
	if unit.Other() != nil {
		kubelet.Program = ""
	}
	return kubelet, config, settings, err
}

// gather asks everybody at the same time: each fills its own part of the facts.
func (n node) gather(ctx context.Context, facts *doctor.Facts) {
	var parts sync.WaitGroup
	parts.Go(func() { n.version(ctx, facts) })
	var sandboxes []statefile.Sandbox
	parts.Go(func() { facts.Runtime, sandboxes = n.runtime(ctx) })
	parts.Go(func() { facts.Firewall = firewall(ctx, n.proc.OfHost) })
	parts.Go(func() { facts.Pods = n.pods(ctx) })
	program := facts.Kubelet.Program
	parts.Go(func() { facts.Package = ofPackage(ctx, program) })
	facts.Unit = n.unit()
	facts.WayBack = wayBack(facts.Kubelet.Program, n.request.BackupDir)
	facts.Cgroups = n.cgroups()
	facts.Devices = devices(n.settings.RootDir)
	facts.CPUs = n.cpuManager()
	facts.Memory = n.memoryManager()
	facts.State, facts.Folder = n.state(), folder(n.settings.RootDir)
	facts.Certificates, facts.Client = n.certificates(), n.client()
	parts.Wait()
	// After the sandboxes were listed: see statefile.Manifest.Seed.
	facts.StaticPods = n.staticPods(sandboxes, facts.Runtime.Err)
}

func (n node) describeKubelet() doctor.Kubelet {
	return doctor.Kubelet{
		PID: n.kubelet.PID, Program: n.kubelet.Program, Flags: kubeletproc.Names(n.kubelet.Args), Source: n.kubelet.Source,
		Gates: n.gates(), Replaced: n.replaced(),
		ContainerRuntime: kubeletproc.Value(n.kubelet.Args, "container-runtime"),
	}
}

// gates lists the feature gates that are set, by the command line or the configuration.
func (n node) gates() []string { return slices.Sorted(maps.Keys(n.kubelet.Gates(n.config))) }

// replaced reports whether another program is where that of the kubelet was. A container
// can't see what runs, and takes it to be the same.
func (n node) replaced() bool {
	runs, err := os.Stat(fmt.Sprintf("/proc/%d/exe", n.kubelet.PID))
	if err != nil || n.proc.OfHost {
		return false
	}
	there, err := os.Stat(n.kubelet.Program)
	return err != nil || !os.SameFile(runs, there)
}

// version asks the kubelet for its version, unless the request has it.
func (n node) version(ctx context.Context, facts *doctor.Facts) {
	if facts.From.Known() || facts.Kubelet.Err != nil || facts.Kubelet.Program == "" {
		return
	}
	text, err := n.kubelet.Version(ctx)
	if err == nil {
		facts.From, err = doctor.ParseRelease(text)
	}
	facts.Kubelet.VersionErr = err
}

func (n node) runtime(ctx context.Context) (doctor.Runtime, []statefile.Sandbox) {
	seen, err := cri.Inspect(ctx, n.settings.Endpoint, n.request.Within)
	runtime := doctor.Runtime{
		Endpoint: n.settings.Endpoint, Name: seen.Name, Version: seen.Version, API: seen.API, CgroupDriver: seen.CgroupDriver, Err: err,
	}
	var all []statefile.Sandbox
	for _, sandbox := range seen.Sandboxes {
		all = append(all, sandbox.Sandbox)
		if sandbox.Ready || sandbox.Running > 0 {
			runtime.Sandboxes = append(runtime.Sandboxes, doctor.Sandbox{
				Pod: sandbox.Namespace + "/" + sandbox.Name, UID: sandbox.UID, Ready: sandbox.Ready, Running: sandbox.Running,
			})
		}
	}
	return runtime, all
}

func (n node) unit() doctor.Unit {
	if n.request.Units == "" {
		return doctor.Unit{}
	}
	unit, err := kubeletunit.Load(n.request.Units)
	if errors.Is(err, kubeletunit.ErrNone) {
		return doctor.Unit{}
	}
	facts := doctor.Unit{Path: unit.Path, DropIns: unit.DropIns, EnvironmentFiles: unit.EnvironmentFiles, Err: err}
	if err == nil {
		facts.Other = unit.Other()
		facts.Differs = n.kubelet.PID != 0 && !slices.Equal(unit.Args, n.kubelet.Args)
	}
	return facts
}

// wayBack looks for programs beside the kubelet whose names begin like its own, and
// for those of the backup folder.
func wayBack(program, backups string) doctor.WayBack {
	if program == "" {
		return doctor.WayBack{Err: errors.New("which program the kubelet is, is not known")}
	}
	beside, kept := filepath.Base(program)+".", "kubelet-"
	way := doctor.WayBack{Searched: program + ".*, " + filepath.Join(backups, kept+"*")}
	var err error
	if way.Copies, err = programs(filepath.Dir(program), beside); err != nil {
		return doctor.WayBack{Err: err}
	}
	others, err := programs(backups, kept)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return doctor.WayBack{Err: err}
	}
	way.Copies = append(way.Copies, others...)
	return way
}

// programs lists the kubelets of a folder whose names begin so: an executable may be a
// script, or the symbols of a release build.
func programs(folder, prefix string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("looking for copies of the kubelet: %w", err)
	}
	var found []string
	for _, entry := range entries {
		info, err := entry.Info()
		path := filepath.Join(folder, entry.Name())
		if err == nil && strings.HasPrefix(entry.Name(), prefix) && filepath.Ext(entry.Name()) != ".debug" &&
			info.Mode().IsRegular() && info.Mode().Perm()&0o100 != 0 && kubeletbin.Check(path) == nil {
			found = append(found, path)
		}
	}
	return found, nil
}

func (n node) state() doctor.State {
	path := statefile.Path(n.settings.RootDir)
	inspection := nodestate.Inspect(path)
	return doctor.State{
		Path: path, Condition: string(inspection.Current.Condition), Remedy: inspection.Remedy(), Err: inspection.Current.Err,
		SwitchedOff: n.request.SwitchedOff(n.settings.RootDir, n.kubelet.PID, n.proc),
	}
}
