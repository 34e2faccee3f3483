package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/steadylet/steadylet/internal/nodestate"
	"github.com/steadylet/steadylet/statefile"
)

// result is what generate and repair print.
type result struct {
	Path string `json:"path"`
	// Written says that the file is there now.
	Written bool `json:"written"`
	// From is how a repair was made.
	From nodestate.Repair `json:"from,omitempty"`
	// Aside is where the damaged file is kept.
	Aside    string              `json:"damagedFile,omitempty"`
	State    *statefile.State    `json:"state,omitempty"`
	LeftOut  []nodestate.LeftOut `json:"leftOut,omitempty"`
	Warnings []string            `json:"warnings,omitempty"`
}

const generateHelp = `Writes the state file that a patched kubelet would have written, from what runs: the
kubelet's version and start, and the UIDs of its static pods. It is for the
time before the first patched start; upgrade-kubelet runs it too. Without the file a patched
kubelet finds out by itself, unless a manifest was touched meanwhile.

The kubelet is found in /proc, and its command line and configuration say the rest.
Where it is stopped, name the program that ran last with --kubelet.

A static pod whose manifest was changed after its sandbox was made is left out, with a
warning: the patched kubelet recreates it, as any kubelet would. So is one that does
not run, and one that two files give, such as etcd.yaml and etcd.yaml.bak: the kubelet
reads every file whose name doesn't begin with a dot.

Nothing is written over a good file without --force, or while a patched kubelet runs. A
damaged file is kept as state.json.corrupt-<time>.

Exit status:
  0  written, or shown with --dry-run
  1  any other error: usage, rights, a container runtime that does not answer
  2  what lies in the file's way is a link, or another user's
  4  the state file was written by a later release
  5  refused: a patched kubelet runs, or a good file is in place (see --force)
  8  no kubelet runs, and --kubelet was left out`

const generateExample = `  # the old kubelet runs: look first, then write
  steadylet state generate --dry-run
  steadylet state generate

  # it is stopped, and kubeadm set this node up
  steadylet state generate --kubelet /usr/bin/kubelet

  # everything said by hand
  steadylet state generate --kubelet /opt/kubelet-1.30 --root-dir /data/kubelet \
    --pod-manifest-path /etc/kubernetes/manifests --node-name db-3 \
    --runtime-endpoint unix:///run/containerd/containerd.sock`

// generateFlags say what generate does about a file that is there.
type generateFlags struct{ force, dryRun, ifMissing bool }

func newGenerate(a app) *cobra.Command {
	var request nodestate.Request
	var how generateFlags
	cmd := &cobra.Command{
		Use:     "generate",
		Short:   "Writes a state file from what runs, before the first patched start",
		Long:    generateHelp,
		Example: generateExample,
		Args:    noArgs,
	}
	finish := addKubelet(cmd.Flags(), a, &request)
	cmd.Flags().BoolVar(&how.force, "force", false, "replace a good state file; it is kept as state.json.prev")
	cmd.Flags().BoolVar(&how.dryRun, "dry-run", false, "show what would be written, and write nothing")
	cmd.Flags().BoolVar(&how.ifMissing, "if-missing", false, "leave a good state file and a patched kubelet that runs alone, and call that done")
	cmd.MarkFlagsMutuallyExclusive("force", "if-missing")
	output := addOutput(cmd, a)
	cmd.RunE = a.reporting(output, finish, func(ctx context.Context) (result, error) {
		return a.generate(ctx, request, how)
	})
	return cmd
}

// reporting returns what a command runs: it settles the flags, makes the result and
// reports it.
func (a app) reporting(output func() (string, error), finish func() error, work func(context.Context) (result, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		format, err := settled(output, finish)
		if err != nil {
			return err
		}
		made, err := work(cmd.Context())
		if err != nil {
			return err
		}
		return a.report(format, made)
	}
}

// generate refuses before it looks at anything that takes long.
func (a app) generate(ctx context.Context, request nodestate.Request, how generateFlags) (result, error) {
	rootDir, err := request.RootDir(*a.proc)
	if err != nil {
		return result{}, err
	}
	path := statefile.Path(rootDir)
	inspection := nodestate.Inspect(path)
	if err := nodestate.CheckRoot(rootDir); err != nil {
		return result{}, err
	}
	refusal := how.refusal(path, inspection)
	if how.ifMissing && (errors.Is(refusal, nodestate.ErrGood) || errors.Is(refusal, statefile.ErrInUse)) {
		return result{Path: path}, nil
	}
	if refusal != nil && !how.dryRun {
		return result{}, refusal
	}
	made, state, err := a.plan(ctx, request, path)
	if err != nil {
		return result{}, err
	}
	if condition := inspection.Current.Condition; condition != nodestate.Whole && inspection.Previous.Condition == nodestate.Whole {
		made.Warnings = append(made.Warnings, "there is a whole previous copy, which knows more: steadylet state repair takes it instead")
	}
	if refusal != nil {
		made.Warnings = append(made.Warnings, "without --dry-run this is refused: "+refusal.Error())
	}
	if how.dryRun {
		return made, nil
	}
	made.Aside, err = nodestate.Write(rootDir, state, how.force, time.Now())
	made.Written = err == nil
	return made, err
}

// refusal says why no file may be written there, or nil.
func (how generateFlags) refusal(path string, inspection nodestate.Inspection) error {
	if err := nodestate.CheckUnused(path); err != nil {
		return err
	}
	return inspection.Refusal(how.force)
}

// plan works out the state, and the result that nothing was written of yet.
func (a app) plan(ctx context.Context, request nodestate.Request, path string) (result, statefile.State, error) {
	_, plan, err := request.Generate(ctx, *a.proc, time.Now())
	if err != nil {
		return result{}, statefile.State{}, err
	}
	state, err := sealed(plan.State)
	return result{Path: path, State: state, LeftOut: plan.LeftOut, Warnings: plan.Warnings}, plan.State, err
}

// sealed returns the state as it will be in the file, with its checksum.
func sealed(state statefile.State) (*statefile.State, error) {
	data, err := state.Encode()
	if err != nil {
		return nil, err
	}
	state, err = statefile.Decode(data)
	return &state, err
}

// report prints a result, and what it lacks as warnings.
func (a app) report(format string, made result) error {
	for _, out := range made.LeftOut {
		a.warn("%s is left out: %s", out.Manifest, out.Reason)
	}
	for _, warning := range made.Warnings {
		a.warn("%s", warning)
	}
	return print(a.out, format, made, func(rows *tabwriter.Writer) {
		done := "written"
		if !made.Written {
			done = "not written"
		}
		fmt.Fprintf(rows, "State file\t%s (%s)\n", made.Path, paint(done, isTerminal(a.out)))
		if made.From != "" {
			fmt.Fprintf(rows, "Repaired from\t%s\n", made.From)
		}
		if made.Aside != "" {
			fmt.Fprintf(rows, "Damaged file\t%s\n", made.Aside)
		}
		if made.State != nil {
			stateTable(rows, *made.State)
		}
	})
}
