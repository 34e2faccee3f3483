package upgrade

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/upgradetable"
)

// WriteRun writes a run as a Markdown table, a line for each container.
func WriteRun(out io.Writer, result *Result) {
	fmt.Fprintf(out, "\n%s, scenario %s (%s): %s in %s\n\n", result.title(), result.Scenario.Name, result.Scenario.Summary,
		result.verdict(), result.Duration.Round(time.Second))
	fmt.Fprintln(out, "| container | forecast | expected | outcome | before | after | |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|")
	for _, row := range result.Rows {
		writeRow(out, row)
	}
	for _, note := range result.Notes {
		fmt.Fprintf(out, "\n%s\n", note)
	}
}

func writeRow(out io.Writer, row Row) {
	note := row.notes()
	for _, wrong := range []string{row.Deviation(), row.difference()} {
		if wrong != "" {
			note = "**" + wrong + "**"
		}
	}
	forecast, last := "", row.Before
	if row.Forecast != nil {
		forecast = row.Forecast.Asked.String()
	}
	for _, stage := range row.Stages {
		if len(stage.After) > 0 {
			last = stage.After[len(stage.After)-1]
		}
	}
	fmt.Fprintf(out, "| %s | %s | %s | %s | %.12s | %.12s | %s |\n", row.Container, forecast, row.Expected(), row.Outcome(), row.Before, last, note)
}

// WriteSummary writes a Markdown table with a line for each run, which package
// upgradetable reads.
func WriteSummary(out io.Writer, results []*Result) {
	fmt.Fprintln(out, upgradetable.Heading)
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|")
	for _, result := range results {
		had := 0
		for _, row := range result.Rows {
			if row.hadTo() {
				had++
			}
		}
		fmt.Fprintln(out, upgradetable.Row{
			Upgrade: result.title(), Scenario: result.Scenario.Name, Containers: len(result.Rows),
			Had: had, Were: result.Replaced(), Result: result.verdict(), Series: result.series(),
		})
	}
}

func (r *Result) verdict() string {
	if r.Check() != nil {
		return upgradetable.Failed
	}
	if r.Control() {
		return upgradetable.ControlPassed
	}
	return upgradetable.Passed
}

// series lists the digests of the series that the patched kubelets name.
func (r *Result) series() string {
	var digests []string
	for _, kubelet := range r.Path {
		if kubelet.Patched && !slices.Contains(digests, kubelet.series) {
			digests = append(digests, kubelet.series)
		}
	}
	return strings.Join(digests, ", ")
}
