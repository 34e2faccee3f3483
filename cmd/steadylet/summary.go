package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/steadylet/steadylet/internal/doctor"
)

// summarise prints what the reports in the files say together, or those of standard
// input where there are none.
func (a app) summarise(format string, paths []string) (doctor.Summary, error) {
	if len(paths) == 0 {
		paths = []string{"-"}
	}
	var reports []doctor.Report
	for _, path := range paths {
		found, err := a.readReports(path)
		if err != nil {
			return doctor.Summary{}, err
		}
		reports = append(reports, found...)
	}
	summary := doctor.Summarise(reports)
	return summary, print(a.out, format, summary, func(rows *tabwriter.Writer) { summaryTable(rows, summary, isTerminal(a.out)) })
}

func (a app) readReports(path string) ([]doctor.Report, error) {
	var input io.Reader = a.in
	name := "standard input"
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("reading reports: %w", err)
		}
		defer file.Close()
		input, name = file, path
	}
	reports, err := doctor.ReadReports(input)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return reports, nil
}

func summaryTable(rows *tabwriter.Writer, summary doctor.Summary, coloured bool) {
	fmt.Fprintf(rows, "NODE\t%s\tERRORS\tWARNINGS\tUNKNOWN\tFROM\tTO\tTIME\n", paint("WORST", coloured))
	for _, node := range summary.Nodes {
		fmt.Fprintf(rows, "%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\n", node.Node, paint(string(node.Worst), coloured), node.Errors, node.Warnings, node.Unknown,
			orDash(node.From), orDash(node.To), node.Time)
	}
	for _, finding := range summary.Findings {
		fmt.Fprintf(rows, "\n%s %s, on %s:\n  %s\n", paint(string(finding.Severity), coloured), finding.Check, someOf(finding.Nodes), finding.Summary)
		if finding.Remedy != "" {
			fmt.Fprintf(rows, "  -> %s\n", finding.Remedy)
		}
	}
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// someOf lists a few names; -o json has them all.
func someOf(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
