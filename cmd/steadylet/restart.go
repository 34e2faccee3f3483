package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/steadylet/steadylet/internal/certs"
	"github.com/steadylet/steadylet/internal/controlplane"
	"github.com/steadylet/steadylet/internal/cri"
	"github.com/steadylet/steadylet/internal/kubeletconf"
	"github.com/steadylet/steadylet/internal/kubeletproc"
	"github.com/steadylet/steadylet/internal/nodestate"
	"github.com/steadylet/steadylet/internal/readfile"
)

const restartHelp = `Restarts the containers of static pods that started before the certificates or
kubeconfigs that they use last changed: etcd, then the API server, then the others, one at
a time. After each it waits until another container runs and answers the pod's probe; one
without a probe must run for --calm. Then every static pod must be healthy.

A container counts when its command line names a changed file in --kubernetes-dir or
--cert-dir, or when such a file is mounted into it by itself. Links are followed, and one
that leads elsewhere than before has changed. The container is ended through the
container runtime, and the kubelet starts the next one in the same pod: no manifest is
touched, and no other container. Run again after an interruption, it goes on with what
is left.

Where the kubelet doesn't run, nothing is restarted, since nobody would start it again.
The kubelet itself uses nothing that kubeadm renews, and is not restarted.

Exit status:
  0  done, or nothing had to be done
  1  any other error: usage, rights, a container runtime that does not answer
  8  no kubelet runs; or a container is not there again in time, or isn't healthy, and the
     rest was left alone`

// restart is what the flags of certs restart say.
type restart struct {
	node           controlplane.Node
	pid            int
	config         string
	overrides      nodestate.Overrides
	kubernetes, in string
	dryRun         bool
}

// restarted is a container that had to start again.
type restarted struct {
	Pod       string   `json:"pod"`
	Container string   `json:"container"`
	Changed   []string `json:"changed"`
	Before    string   `json:"before,omitempty"`
	After     string   `json:"after,omitempty"`
}

func newRestart(a app) *cobra.Command {
	var r restart
	cmd := &cobra.Command{
		Use:   "restart",
		Short: "Restarts the static pods that still use certificates of before",
		Long:  restartHelp,
		Example: `  steadylet certs restart --dry-run
  steadylet certs restart`,
		Args: noArgs,
	}
	flags := cmd.Flags()
	r.addKubelet(flags)
	flags.StringVar(&r.kubernetes, "kubernetes-dir", certs.DefaultKubernetesDir, "folder of the kubeconfigs")
	flags.StringVar(&r.in, "cert-dir", "", "folder of what kubeadm signed (default: pki in --kubernetes-dir)")
	flags.DurationVar(&r.node.Patience, "healthy-within", 6*time.Minute, "how long a container may take to be healthy (the kubelet waits up to five minutes with one that failed before)")
	flags.DurationVar(&r.node.Calm, "calm", 10*time.Second, "how long a container without a probe must run")
	flags.BoolVar(&r.dryRun, "dry-run", false, "say what would be restarted, and restart nothing")
	output := addOutput(cmd, a)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		format, err := settled(output, func() error { return r.settle(a, cmd.Flags().Changed) })
		if err != nil {
			return err
		}
		done, err := a.restart(cmd.Context(), r)
		if printed := print(a.out, format, done, func(rows *tabwriter.Writer) { restartTable(rows, done, r.dryRun) }); err == nil {
			err = printed
		}
		return err
	}
	return cmd
}

// addKubelet adds the flags that say what its command line and configuration don't.
func (r *restart) addKubelet(flags *pflag.FlagSet) {
	flags.IntVar(&r.pid, "pid", 0, "the kubelet's process ID, where several run")
	flags.StringVar(&r.config, "config", "", "the kubelet's configuration file (default: that on its command line)")
	flags.StringVar(&r.overrides.Endpoint, "runtime-endpoint", "", "the container runtime's socket (default: the kubelet's)")
	flags.DurationVar(&r.node.Within, "runtime-timeout", cri.DefaultWithin, "how long the container runtime may take to answer")
	flags.StringVar(&r.overrides.NodeName, "node-name", "", "what the node is called (default: the kubelet's --hostname-override, else the host's name)")
}

// settle finds the kubelet, and works out where its static pods and its runtime are. given
// reports whether a flag was given.
func (r *restart) settle(a app, given func(flag string) bool) error {
	if err := r.settleFolders(given); err != nil {
		return err
	}
	processes, err := a.proc.Find()
	if err != nil {
		return err
	}
	process, err := kubeletproc.Only(processes, r.pid)
	if err != nil {
		return fmt.Errorf("without a kubelet nothing is started again: %w", err)
	}
	flags := kubeletproc.ParseFlags(process.Args).In(process.Dir)
	if r.config != "" {
		flags.Config = r.config
	}
	config, err := kubeletconf.Load(flags.Config, flags.ConfigDir)
	if err != nil {
		return err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("asking for this host's name: %w", err)
	}
	settings, err := nodestate.Resolve(r.overrides, flags, config, hostname)
	if err != nil {
		return err
	}
	r.node.Manifests, r.node.Name, r.node.Endpoint = settings.ManifestPath, settings.NodeName, settings.Endpoint
	return nil
}

// settleFolders completes where what may have been renewed lies. A folder that was named has
// to be there: nothing in it would be found to have changed.
func (r *restart) settleFolders(given func(flag string) bool) error {
	if r.in == "" {
		r.in = filepath.Join(r.kubernetes, "pki")
	}
	for flag, folder := range map[string]string{"kubernetes-dir": r.kubernetes, "cert-dir": r.in} {
		folder, err := filepath.Abs(folder)
		if err != nil {
			return err
		}
		if _, err := readfile.Stat(folder); given(flag) && err != nil {
			return fmt.Errorf("--%s: %w: name a folder that exists", flag, err)
		}
		r.node.Folders = append(r.node.Folders, folder)
	}
	return nil
}

func (a app) restart(ctx context.Context, r restart) ([]restarted, error) {
	done := []restarted{}
	if r.node.Manifests == "" {
		return done, nil // the kubelet has no static pods
	}
	r.node.LeftOut = func(path string, why error) {
		a.warn("%s is no static pod to the kubelet, and is left out: %v", path, why)
	}
	pods, plan, err := r.node.Plan(ctx)
	if err != nil {
		return done, err
	}
	for _, next := range plan {
		entry := restarted{Pod: next.Pod.Name, Container: next.Container.Name, Changed: next.Changed, Before: next.ID}
		if !r.dryRun {
			fmt.Fprintf(a.err, "restarting %s\n", next.Pod.Name)
			entry.After, err = r.node.Run(ctx, next)
		}
		done = append(done, entry)
		if err != nil {
			return done, err
		}
	}
	if r.dryRun {
		return done, nil
	}
	for _, pod := range pods {
		for _, container := range pod.Containers {
			if _, err := r.node.Await(ctx, pod, container, ""); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

func restartTable(rows *tabwriter.Writer, done []restarted, dryRun bool) {
	if len(done) == 0 {
		fmt.Fprintf(rows, "nothing started before its certificates\n")
	}
	for _, r := range done {
		what := "did not come back"
		switch {
		case dryRun:
			what = "would be restarted"
		case r.After != "":
			what = fmt.Sprintf("%.12s became %.12s", r.Before, r.After)
		}
		fmt.Fprintf(rows, "%s\t%s\t%s\t(%s)\n", r.Pod, r.Container, what, strings.Join(baseNames(r.Changed), ", "))
	}
}

func baseNames(paths []string) []string {
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = filepath.Base(path)
	}
	return names
}
