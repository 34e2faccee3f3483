package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/steadylet/steadylet/internal/doctor"
	"github.com/steadylet/steadylet/internal/nodefacts"
)

// errFound is what doctor ends with when it found what --fail-on names.
var errFound = errors.New("not ready for the upgrade")

const doctorHelp = `Looks at the node before its kubelet is upgraded in place, and says what would restart
containers although nobody changed them, what would keep the new kubelet from working,
and what is missing for the way back. It changes nothing, and asks only what is a kubelet
by its content for its version. Where no kubelet runs and the unit starts something else,
such as a script, name the kubelet with --kubelet or its version with --from.

Each finding is ok, unknown (it could not be seen), a warning (containers may restart,
or the way back is missing) or an error (the new kubelet would not work, or would
recreate or end pods), and says what to do. Name the version that comes with --to: most causes
hang on it.

With --summary it reads such reports instead, of many nodes: those that -o json prints
and the config maps that scripts/fleet has written, from files or standard input.

Exit status:
  0  no finding is as bad as --fail-on
  1  any other error: usage, rights
  6  a finding is as bad as --fail-on: an error, unless you say otherwise`

const doctorExample = `  # before the upgrade, with the old kubelet running
  steadylet doctor --to v1.31.0

  # in a script: stop at anything that may restart a container
  steadylet doctor --to v1.31.0 --fail-on warning -o json

  # over a fleet
  kubectl get configmaps -n steadylet -l app.kubernetes.io/component=doctor-report -o json |
    steadylet doctor --summary -o table`

// doctorFlags are the command's own.
type doctorFlags struct {
	request          nodefacts.Request
	from, to, failOn string
	report           string
	every            time.Duration
	summary          bool
}

func newDoctor(a app) *cobra.Command {
	var given doctorFlags
	cmd := &cobra.Command{
		Use:     "doctor [REPORT...]",
		Short:   "Looks for what an upgrade of this node's kubelet would break",
		Long:    doctorHelp,
		Example: doctorExample,
	}
	finish := addKubelet(cmd.Flags(), a, &given.request.Request)
	given.add(cmd.Flags())
	output := addOutput(cmd, a)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		format, err := settled(output, func() error { return given.check(args) })
		if err != nil {
			return err
		}
		if given.summary {
			summary, err := a.summarise(format, args)
			if err != nil {
				return err
			}
			return given.judge(summary.Worst)
		}
		return a.doctor(cmd.Context(), format, &given, finish)
	}
	return cmd
}

func (d *doctorFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&d.to, "to", "", "version of the kubelet that comes, v1.31.0 (default: the one that runs)")
	flags.StringVar(&d.from, "from", "", "version of the kubelet that runs (default: what it says of itself)")
	flags.StringVar(&d.request.BackupDir, "backup-dir", nodefacts.DefaultBackupDir, "where upgrade-kubelet keeps copies of kubelets; those beside the program count too")
	flags.StringVar(&d.failOn, "fail-on", "error", "least severity that ends with exit status 6: unknown, warning, error or never")
	flags.StringVar(&d.report, "report", "", "also store the report: configmap, one for each node in the pod's own namespace")
	flags.DurationVar(&d.every, "every", 0, "look again that often, until stopped; --fail-on doesn't count then")
	flags.BoolVar(&d.summary, "summary", false, "read reports from files or standard input, and say what they have in common")
}

// check completes the request from the flags.
func (d *doctorFlags) check(args []string) (err error) {
	switch d.failOn {
	case "unknown", "warning", "error", "never":
	default:
		return fmt.Errorf("--fail-on %s is not known: want unknown, warning, error or never", d.failOn)
	}
	switch {
	case len(args) > 0 && !d.summary:
		return fmt.Errorf("doctor takes reports only with --summary: %s is too much", args[0])
	case d.every < 0:
		return errors.New("--every must not be negative: 1h, for example")
	case d.summary && (d.report != "" || d.every > 0):
		return errors.New("--summary looks at no node: leave --report and --every out")
	}
	for _, flag := range []struct {
		name, text string
		release    *doctor.Release
	}{{"--to", d.to, &d.request.To}, {"--from", d.from, &d.request.From}} {
		if flag.text == "" {
			continue
		}
		if *flag.release, err = doctor.ParseRelease(flag.text); err != nil {
			return fmt.Errorf("%s: %w", flag.name, err)
		}
	}
	return nil
}

// judge is the error for a severity that is as bad as --fail-on.
func (d *doctorFlags) judge(worst doctor.Severity) error {
	if d.failOn == "never" || !worst.AtLeast(doctor.Severity(d.failOn)) {
		return nil
	}
	return fmt.Errorf("%w: the worst finding is %s (--fail-on says what counts)", errFound, worst)
}

// doctor looks at the node, once or again and again.
func (a app) doctor(ctx context.Context, format string, given *doctorFlags, finish func() error) error {
	store, err := newReporter(given.report)
	if err == nil {
		err = finish()
	}
	if err != nil {
		return err
	}
	for {
		worst, err := a.examine(ctx, format, given.request, store)
		if given.every == 0 {
			if err != nil {
				return err
			}
			return given.judge(worst)
		}
		if err != nil {
			fmt.Fprintf(a.err, "steadylet: %v; looking again in %s\n", err, given.every)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(given.every):
		}
	}
}

// examine gathers the facts, judges them and reports.
func (a app) examine(ctx context.Context, format string, request nodefacts.Request, store reporter) (doctor.Severity, error) {
	facts, err := nodefacts.Gather(ctx, request, *a.proc, time.Now())
	if err != nil {
		return doctor.Error, err
	}
	report := doctor.NewReport(facts)
	err = print(a.out, format, report, func(rows *tabwriter.Writer) { findingsTable(rows, report, isTerminal(a.out)) })
	return report.Worst, errors.Join(err, store(ctx, report))
}

// findingsTable writes findings for people, each with its remedy below.
func findingsTable(rows *tabwriter.Writer, report doctor.Report, coloured bool) {
	for _, finding := range report.Findings {
		fmt.Fprintf(rows, "%s\t%s\t%s\n", paint(string(finding.Severity), coloured), finding.Check, finding.Summary)
		if finding.Remedy != "" {
			fmt.Fprintf(rows, "%s\t\t-> %s\n", paint("", coloured), finding.Remedy)
		}
	}
}
