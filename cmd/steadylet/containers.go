package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/steadylet/steadylet/internal/containers"
	"github.com/steadylet/steadylet/internal/nodestate"
)

const containersHelp = `Lists the containers that run, as the container runtime has them; with --since, says
what became of those that an earlier list has, and ends with status 7 when some were
replaced needlessly. Only what is needless is an error:

  kept      it runs
  replaced  another runs in its place, of the same image, in a pod of the same UID; or
            its static pod was recreated, with the same manifest            (needless)
  lost      it was stopped, its pod is there, and none is in its place      (needless)
  edited    its image is another one, or the manifest of its static pod is
  died      it ended by itself: before --started, for want of memory, with exit code 0
            and none in its place, or with one that no stop gives (not 0, 130, 137 or
            143) after it had been started again before
  gone      its pod is no more
  new       it was not there before

Where the runtime is, and which pods are static, the kubelet's command line says: with none
that runs, name its program with --kubelet.

A restart that a probe asked for counts as replaced, and so does an edit of the image
from one tag to another of the same content: the runtime does not tell them apart.

Exit status:
  0  listed; with --since, nothing was replaced needlessly
  1  any other error: usage, rights, a container runtime that does not answer
  7  with --since: containers were replaced needlessly
  8  no kubelet runs, and --kubelet was left out`

const containersExample = `  steadylet containers -o table
  steadylet containers -o json > before.json
  steadylet containers --since before.json -o table`

// comparing says which earlier list a command compares with.
type comparing struct {
	since, started string
}

func newContainers(a app) *cobra.Command {
	var request nodestate.Request
	var with comparing
	cmd := &cobra.Command{
		Use:     "containers",
		Short:   "Lists the containers that run, or says which were replaced",
		Long:    containersHelp,
		Example: containersExample,
		Args:    noArgs,
	}
	finish := addKubelet(cmd.Flags(), a, &request)
	cmd.Flags().StringVar(&with.since, "since", "", "file with an earlier list in JSON, to compare with; it says where the runtime and the manifests are")
	cmd.Flags().StringVar(&with.started, "started", "", "when the kubelet that runs now was started (RFC 3339); what ended earlier ended by itself")
	output := addOutput(cmd, a)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		format, err := settled(output, finish)
		if err != nil {
			return err
		}
		if with.since == "" {
			return a.listContainers(cmd.Context(), format, request)
		}
		return a.compareContainers(cmd.Context(), format, request.Within, with)
	}
	return cmd
}

func (a app) listContainers(ctx context.Context, format string, request nodestate.Request) error {
	_, _, settings, err := request.Settle(*a.proc)
	if err != nil {
		return err
	}
	node := containers.Node{Endpoint: settings.Endpoint, ManifestPath: settings.ManifestPath, Name: settings.NodeName}
	snapshot, err := containers.Take(ctx, node, request.Within, time.Now())
	if err != nil {
		return err
	}
	return print(a.out, format, snapshot, func(rows *tabwriter.Writer) {
		fmt.Fprintf(rows, "NAMESPACE\tPOD\tNAME\tATTEMPT\tID\tPOD UID\n")
		for _, c := range snapshot.Containers {
			fmt.Fprintf(rows, "%s\t%s\t%s\t%d\t%.12s\t%s\n", c.Namespace, c.Pod, c.Name, c.Attempt, c.ID, c.PodUID)
		}
	})
}

func (a app) compareContainers(ctx context.Context, format string, within time.Duration, with comparing) error {
	var started time.Time
	if with.started != "" {
		var err error
		if started, err = time.Parse(time.RFC3339Nano, with.started); err != nil {
			return errors.New("--started is no time as in RFC 3339: want 2006-01-02T15:04:05Z, as date -u +%FT%TZ prints it")
		}
	}
	before, err := containers.Read(with.since)
	if err != nil {
		return err
	}
	report, err := containers.Since(ctx, before, within, started)
	if err != nil {
		return err
	}
	if err := print(a.out, format, report, func(rows *tabwriter.Writer) { reportTable(rows, report) }); err != nil {
		return err
	}
	if report.Needless > 0 {
		return fmt.Errorf("%w: %d of %d", errReplaced, report.Needless, len(before.Containers))
	}
	return nil
}

// reportTable writes what is not as it was, and the count of the rest.
func reportTable(rows *tabwriter.Writer, report containers.Report) {
	for _, change := range report.Changes {
		if change.Kind != containers.Kept {
			fmt.Fprintf(rows, "%s\t%s\t%.12s\t%s\n", change.Kind, change.Container, change.Container.ID, change.Reason)
		}
	}
	fmt.Fprintf(rows, "kept\t%d\n", report.Counts[containers.Kept])
	fmt.Fprintf(rows, "replaced needlessly\t%d\n", report.Needless)
}
