package main

import (
	"errors"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/steadylet/steadylet/internal/cri"
	"github.com/steadylet/steadylet/internal/kubeletproc"
	"github.com/steadylet/steadylet/internal/nodestate"
)

// streams are the command's own.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// app is what every command works with.
type app struct {
	streams
	// proc is shared: it becomes that of the host with --host-root.
	proc *kubeletproc.Proc
}

const rootHelp = `steadylet looks after a node whose kubelet is upgraded in place, without draining it.

A patched kubelet keeps the containers that nobody changed. What it remembers for
that is in its state file, <root-dir>/steadylet/state.json. The commands here forecast
what an upgrade restarts, look for what else would go wrong, and write, show and mend
that file.

Exit status, of all commands; COMMAND --help has its own:
  0  done; the file is whole, the kubelet is what its manifest says
  1  any other error: usage, rights, a container runtime that does not answer
  2  the state file is damaged; the file is no kubelet, or not what its manifest says; a
     certificate is broken
  3  the state file, the kubelet's manifest, or every certificate is missing
  4  the state file was written by a later release
  5  refused: a patched kubelet runs, or a good file is in place
  6  doctor found something as bad as --fail-on; predict has a container with a verdict
     that --fail-on names
  7  containers were replaced needlessly
  8  no kubelet runs, or it isn't healthy; with certs restart, a static pod isn't
  9  a certificate expires soon
  10 a certificate has expired, or is not valid yet
  11 predict with --fail-on: something was left out, or there is no container`

func newRoot(a app) *cobra.Command {
	root := &cobra.Command{
		Use:   "steadylet",
		Short: "Looks after a node whose kubelet is upgraded in place",
		Long:  rootHelp,
		Example: `  # before the upgrade, with the old kubelet running
  steadylet doctor --to v1.31.0

  # what does it remember, and is the file whole?
  steadylet state show
  steadylet state verify

  # what will the upgrade restart?
  kubectl get pods -A -o json | steadylet predict --from v1.30.14 --to v1.31.0 -

  # is this the kubelet that was built?
  steadylet verify /usr/bin/kubelet

  # what did an upgrade replace?
  steadylet containers -o json > before.json
  steadylet containers --since before.json`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		RunE:          help,
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(helpful)
	root.AddCommand(newDoctor(a), newState(a), newVerify(a), newPredict(a), newContainers(a), newKubelet(a), newCerts(a))
	return root
}

// release is set by the linker, to the version of the kubelet that this binary was
// released with.
var release string

// version is that of the release, else that of the module that this binary was built
// from.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// help is what a group of commands does. (Without it, cobra takes a command that it
// does not know for no error.)
func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

func newState(a app) *cobra.Command {
	state := &cobra.Command{
		Use:   "state",
		Short: "Shows, verifies, repairs or generates the state file",
		Args:  noArgs,
		RunE:  help,
	}
	state.AddCommand(newShow(a), newVerifyState(a), newRepair(a), newGenerate(a))
	return state
}

// addRootDir adds the flags that say which state file is meant.
func addRootDir(flags *pflag.FlagSet, r *nodestate.Request) {
	r.Units = "/"
	flags.StringVar(&r.Overrides.RootDir, "root-dir", "", "the kubelet's root directory (default: that of the kubelet that runs or of its unit of systemd, else "+nodestate.DefaultRootDir+")")
	flags.IntVar(&r.PID, "pid", 0, "the kubelet's process ID, where several run")
}

// addKubelet adds the flags that say what the kubelet is. finish, called after they
// are parsed, completes the request, and goes over to the host with --host-root.
func addKubelet(flags *pflag.FlagSet, a app, r *nodestate.Request) (finish func() error) {
	addRootDir(flags, r)
	flags.StringVar(&r.Program, "kubelet", "", "program of the kubelet that ran here last, where none runs now (the old one, not the one to come)")
	flags.StringVar(&r.Config, "config", "", "the kubelet's configuration file (default: that on its command line, with --kubelet that of its unit of systemd; else "+nodestate.DefaultConfig+")")
	manifests := flags.String("pod-manifest-path", "", "folder of static pods; empty says that there are none (default: staticPodPath of the configuration)")
	flags.StringVar(&r.Endpoint, "runtime-endpoint", "", "the container runtime's socket (default: the kubelet's, else "+cri.DefaultEndpoint+")")
	flags.DurationVar(&r.Within, "runtime-timeout", cri.DefaultWithin, "how long the container runtime may take to answer")
	flags.StringVar(&r.NodeName, "node-name", "", "what the node is called (default: the kubelet's --hostname-override, else the host's name)")
	hostRoot := flags.String("host-root", "", "where a container has the host's / mounted; it becomes the root, and every path is the host's")
	return func() (err error) {
		if r.Program != "" && r.PID != 0 {
			return errors.New("--kubelet is for a kubelet that doesn't run, --pid for one that does: give one of them")
		}
		if r.Within < time.Millisecond {
			return errors.New("--runtime-timeout must be longer than nothing: 10s, for example")
		}
		if flags.Changed("pod-manifest-path") {
			if *manifests, err = absolute(*manifests); err != nil {
				return err
			}
			r.ManifestPath = manifests
		}
		if r.Overrides.RootDir, err = absolute(r.Overrides.RootDir); err != nil || *hostRoot == "" {
			return err
		}
		if r.NodeName == "" {
			return errors.New("--host-root needs --node-name too: a container's host name is not the node's")
		}
		return a.enterHost(*hostRoot)
	}
}

// isTerminal reports whether a person reads what is written there.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	return terminal(int(file.Fd()))
}
