package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/steadylet/steadylet/internal/kubelethealth"
	"github.com/steadylet/steadylet/internal/kubeletproc"
	"github.com/steadylet/steadylet/internal/kubeletunit"
)

const kubeletHelp = `Says which kubelet runs on this node and whether it is healthy, as it says itself at
the address of its configuration (healthzBindAddress and healthzPort; 127.0.0.1:10248
where that is silent). With --wait it waits until the kubelet is healthy and runs the
program that is at its path now. A kubelet whose healthzPort is 0 counts as healthy while
it runs.

Exit status:
  0  a kubelet runs, and is healthy
  1  any other error: usage, rights
  8  no kubelet runs, or it isn't healthy`

const kubeletExample = `  steadylet kubelet -o table
  steadylet kubelet --wait 2m
  kubelet=$(steadylet kubelet --print program)
  steadylet kubelet --print unit`

func newKubelet(a app) *cobra.Command {
	var choice kubelethealth.Choice
	var wait time.Duration
	var field, units string
	cmd := &cobra.Command{
		Use:     "kubelet",
		Short:   "Says which kubelet runs, and whether it is healthy",
		Long:    kubeletHelp,
		Example: kubeletExample,
		Args:    noArgs,
	}
	cmd.Flags().IntVar(&choice.PID, "pid", 0, "the kubelet's process ID, where several run")
	cmd.Flags().StringVar(&choice.Program, "program", "", "the path of the kubelet's program, where several run")
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait so long for it to be healthy")
	cmd.Flags().StringVar(&field, "print", "", "print one thing only: pid, program, or unit: how the unit of systemd starts it, an argument a line")
	cmd.Flags().StringVar(&units, "units", "/", "the root below which --print unit looks for units")
	output := addOutput(cmd, a)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		format, err := output()
		if err == nil && field != "" && field != "pid" && field != "program" && field != "unit" {
			err = fmt.Errorf("--print %s is not known: want pid, program or unit", field)
		}
		if err != nil {
			return err
		}
		if field == "unit" {
			return a.printUnit(units)
		}
		kubelet, err := a.findKubelet(cmd.Context(), choice, wait)
		if err != nil {
			return err
		}
		return a.printKubelet(format, field, kubelet)
	}
	return cmd
}

// printUnit prints the command line of the kubelet's unit, with its drop-ins and its
// variables expanded. No kubelet need run.
func (a app) printUnit(root string) error {
	unit, err := kubeletunit.Load(root)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.out, strings.Join(unit.Args, "\n"))
	return err
}

func (a app) findKubelet(ctx context.Context, choice kubelethealth.Choice, wait time.Duration) (kubelethealth.Kubelet, error) {
	if wait > 0 {
		return kubelethealth.Wait(ctx, *a.proc, choice, wait)
	}
	kubelet, err := kubelethealth.Look(ctx, *a.proc, choice)
	var none *kubeletproc.NotOneError
	if errors.As(err, &none) {
		err = fmt.Errorf("%w: %w", kubelethealth.ErrUnhealthy, err)
	}
	return kubelet, err
}

func (a app) printKubelet(format, field string, kubelet kubelethealth.Kubelet) error {
	switch field {
	case "pid":
		_, err := fmt.Fprintln(a.out, strconv.Itoa(kubelet.PID))
		return err
	case "program":
		_, err := fmt.Fprintln(a.out, kubelet.Program)
		return err
	}
	err := print(a.out, format, kubelet, func(rows *tabwriter.Writer) {
		fmt.Fprintf(rows, "Process\t%d\n", kubelet.PID)
		fmt.Fprintf(rows, "Program\t%s\n", kubelet.Program)
		if kubelet.Replaced {
			fmt.Fprintf(rows, "\tanother program is there by now\n")
		}
		fmt.Fprintf(rows, "Started\t%s\n", when(kubelet.Started))
		fmt.Fprintf(rows, "Healthy\t%t\n", kubelet.Healthy)
		fmt.Fprintf(rows, "  asked at\t%s\n", kubelet.Healthz)
	})
	if err == nil && !kubelet.Healthy {
		err = fmt.Errorf("%w: %s", kubelethealth.ErrUnhealthy, kubelet.Reason)
	}
	return err
}
