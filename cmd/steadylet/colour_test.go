package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/doctor"
)

// With colours a table is the same table, to the column.
func TestColourMovesNoColumn(t *testing.T) {
	report := doctor.Report{Findings: []doctor.Finding{
		{Check: "unit", Severity: doctor.OK, Summary: "fine"}, {Check: "way-back", Severity: doctor.Warning, Summary: "none", Remedy: "copy it"},
		{Check: "iptables", Severity: doctor.Unknown, Summary: "unseen"}, {Check: "runtime", Severity: doctor.Error, Summary: "hangs", Remedy: "start it"},
	}}
	report.SchemaVersion, report.Node = doctor.ReportSchema, "a"
	for name, write := range map[string]func(*tabwriter.Writer, bool){
		"findings": func(rows *tabwriter.Writer, coloured bool) { findingsTable(rows, report, coloured) },
		"summary": func(rows *tabwriter.Writer, coloured bool) {
			summaryTable(rows, doctor.Summarise([]doctor.Report{report}), coloured)
		},
	} {
		var plain, coloured bytes.Buffer
		for out, is := range map[*bytes.Buffer]bool{&plain: false, &coloured: true} {
			if err := print(out, "table", nil, func(rows *tabwriter.Writer) { write(rows, is) }); err != nil {
				t.Fatal(err)
			}
		}
		if !strings.Contains(coloured.String(), "\x1b[31merror\x1b[39m") || strings.Contains(plain.String(), "\x1b") {
			t.Errorf("%s: colours are where they should not be, or not where they should", name)
		}
		without := regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(coloured.String(), "")
		if diff := cmp.Diff(plain.String(), without); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
