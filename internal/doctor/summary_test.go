package doctor_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/doctor"
)

func report(node string, at time.Time, findings ...doctor.Finding) doctor.Report {
	return doctor.Report{SchemaVersion: doctor.ReportSchema, Node: node, Time: at, From: "v1.30.14", Worst: doctor.Worst(findings), Findings: findings}
}

var (
	fine    = doctor.Finding{Check: "unit", Severity: doctor.OK, Summary: "fine"}
	warning = doctor.Finding{Check: "way-back", Severity: doctor.Warning, Summary: "none", Remedy: "copy it"}
	broken  = doctor.Finding{Check: "runtime", Severity: doctor.Error, Summary: "hangs", Remedy: "start it"}
	unclear = doctor.Finding{Check: "iptables", Severity: doctor.Unknown, Summary: "unseen", Remedy: "look"}
)

func TestSummarise(t *testing.T) {
	got := doctor.Summarise([]doctor.Report{
		report("b", now, fine, warning), report("c", now, fine), report("a", now, warning, unclear, broken),
		report("c", now.Add(-time.Hour), broken), // an older one
	})
	const at = "2026-11-24T12:00:00Z"
	want := doctor.Summary{
		Worst: doctor.Error,
		Nodes: []doctor.NodeSummary{
			{Node: "a", Time: at, From: "v1.30.14", Worst: doctor.Error, Errors: 1, Warnings: 1, Unknown: 1},
			{Node: "b", Time: at, From: "v1.30.14", Worst: doctor.Warning, Warnings: 1},
			{Node: "c", Time: at, From: "v1.30.14", Worst: doctor.OK},
		},
		Findings: []doctor.SharedFinding{
			{Finding: broken, Nodes: []string{"a"}}, {Finding: warning, Nodes: []string{"a", "b"}}, {Finding: unclear, Nodes: []string{"a"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadReports(t *testing.T) {
	one, err := json.Marshal(report("a", now, fine))
	if err != nil {
		t.Fatal(err)
	}
	quoted, err := json.Marshal(string(one))
	if err != nil {
		t.Fatal(err)
	}
	configMap := `{"kind": "ConfigMap", "metadata": {"name": "steadylet-doctor-a"}, "data": {"report.json": ` + string(quoted) + `}}`
	other := `{"kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": "x"}}`
	for name, test := range map[string]struct {
		input string
		want  int
		err   string
	}{
		"a report":          {string(one), 1, ""},
		"two":               {string(one) + "\n" + string(one), 2, ""},
		"a config map":      {configMap, 1, ""},
		"what kubectl says": {`{"kind": "List", "items": [` + configMap + "," + other + "]}", 1, ""},
		"nothing":           {"", 0, "no report"},
		"something else":    {other, 0, "no report"},
		"no JSON":           {"NAME DATA\n", 0, "kubectl get configmaps -o json"},
		"half":              {string(one[:20]), 0, "reading reports"},
		"a later schema":    {strings.Replace(string(one), `"schemaVersion":1`, `"schemaVersion":2`, 1), 0, "schema version 2"},
		"a broken one":      {`{"metadata": {"name": "x"}, "data": {"report.json": "no"}}`, 0, "the config map x"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := doctor.ReadReports(strings.NewReader(test.input))
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Fatalf("got %v", err)
			}
			if len(got) != test.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func FuzzReadReports(f *testing.F) {
	f.Add(`{"items": [{"data": {"report.json": "{\"schemaVersion\": 1, \"findings\": []}"}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		reports, err := doctor.ReadReports(strings.NewReader(text))
		if (err == nil) != (len(reports) > 0) {
			t.Errorf("got %v, %v", reports, err)
		}
		if err != nil && errors.Is(err, doctor.ErrNoReport) && reports != nil {
			t.Error("no report, and some")
		}
		doctor.Summarise(reports)
	})
}
