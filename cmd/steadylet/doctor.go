package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/steadylet/steadylet/internal/doctor"
	"github.com/steadylet/steadylet/internal/nodefacts"
)

// errFound is what doctor ends with when it found what --fail-on names.
var errFound = errors.New("the node is not ready for the upgrade")

const doctorHelp = `Looks at the node before its kubelet is upgraded in place, and says what would restart
containers although nobody changed them, what would keep the new kubelet from working,
and what is missing for the way back. It changes nothing.

Each finding is ok, unknown (it could not be seen), a warning (containers restart, or
the way back is missing) or an error (the new kubelet would not work), and says what to
do. Name the version that comes with --to: most causes hang on it.

`

const doctorExample = `  # before the upgrade, with the old kubelet running
  steadylet doctor --to v1.31.0

  # in a script: stop at anything that would restart a container
  steadylet doctor --to v1.31.0 --fail-on warning -o json`

// doctorFlags are the command's own.
type doctorFlags struct {
	request nodefacts.Request
	from    string
	to      string
	failOn  string
}

func newDoctor(a app) *cobra.Command {
	var given doctorFlags
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Looks for what an upgrade of this node's kubelet would break",
		Long:    doctorHelp + exitHelp,
		Example: doctorExample,
		Args:    cobra.NoArgs,
	}
	finish := addKubelet(cmd.Flags(), &given.request.Request)
	given.add(cmd.Flags())
	output := addOutput(cmd, a)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		format, err := output()
		if err == nil {
			err = errors.Join(finish(), given.check())
		}
		if err != nil {
			return err
		}
		report, err := a.diagnose(cmd.Context(), given.request)
		if err != nil {
			return err
		}
		if err := print(a.out, format, report, func(rows *tabwriter.Writer) { findingsTable(rows, report, isTerminal(a.out)) }); err != nil {
			return err
		}
		return given.judge(report.Findings)
	}
	return cmd
}

func (d *doctorFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&d.to, "to", "", "version of the kubelet that comes, v1.31.0 (default: the one that runs)")
	flags.StringVar(&d.from, "from", "", "version of the kubelet that runs (default: what it says of itself)")
	flags.StringVar(&d.failOn, "fail-on", "error", "least severity that ends with exit status 6: unknown, warning, error or never")
}

// check completes the request from the flags.
func (d *doctorFlags) check() (err error) {
	switch d.failOn {
	case "unknown", "warning", "error", "never":
	default:
		return fmt.Errorf("--fail-on %s is not known: want unknown, warning, error or never", d.failOn)
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

// judge is the error for findings that are as bad as --fail-on.
func (d *doctorFlags) judge(findings []doctor.Finding) error {
	worst := doctor.Worst(findings)
	if d.failOn == "never" || !worst.AtLeast(doctor.Severity(d.failOn)) {
		return nil
	}
	return fmt.Errorf("%w: the worst finding is %s; --fail-on sets what counts", errFound, worst)
}

// diagnose gathers the facts and judges them.
func (a app) diagnose(ctx context.Context, request nodefacts.Request) (doctor.Report, error) {
	now := time.Now()
	facts, err := nodefacts.Gather(ctx, request, a.proc, now)
	if err != nil {
		return doctor.Report{}, err
	}
	host, err := os.Hostname()
	if err != nil {
		return doctor.Report{}, fmt.Errorf("asking for this host's name: %w", err)
	}
	return doctor.NewReport(strings.ToLower(host), facts), nil
}

// findingsTable writes findings for people, each with its remedy below.
func findingsTable(rows *tabwriter.Writer, report doctor.Report, coloured bool) {
	for _, finding := range report.Findings {
		fmt.Fprintf(rows, "%s\t%s\t%s\n", paint(finding.Severity, coloured), finding.Check, finding.Summary)
		if finding.Remedy != "" {
			fmt.Fprintf(rows, "%s\t\t-> %s\n", paint("", coloured), finding.Remedy)
		}
	}
}

// paint colours a severity. Each has as many bytes around it, so that columns stay
// columns.
func paint(severity doctor.Severity, coloured bool) string {
	if !coloured {
		return string(severity)
	}
	code := map[doctor.Severity]string{doctor.OK: "32", doctor.Unknown: "35", doctor.Warning: "33", doctor.Error: "31"}[severity]
	if code == "" {
		code = "39"
	}
	return "\x1b[" + code + "m" + string(severity) + "\x1b[39m"
}
