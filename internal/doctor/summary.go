package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ReportKey is the key of a config map under which its report lies.
const ReportKey = "report.json"

// ErrNoReport means that what was read holds no report.
var ErrNoReport = errors.New("there is no report of doctor")

// ReadReports reads JSON: reports, config maps with one, lists of those as kubectl
// prints them, or several of them one after the other. What is no report is passed
// over; the error matches ErrNoReport where nothing is left.
func ReadReports(input io.Reader) ([]Report, error) {
	var reports []Report
	decoder := json.NewDecoder(input)
	for {
		var next document
		err := decoder.Decode(&next)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading reports: %w: want JSON, as of kubectl get configmaps -o json", err)
		}
		found, err := next.reports()
		if err != nil {
			return nil, err
		}
		reports = append(reports, found...)
	}
	if len(reports) == 0 {
		return nil, fmt.Errorf("%w: want what steadylet doctor -o json prints, or the config maps that it wrote", ErrNoReport)
	}
	return reports, nil
}

// document is a report, a config map or a list.
type document struct {
	Report
	Items    []document
	Metadata struct{ Name string }
	Data     map[string]string
}

func (d document) reports() ([]Report, error) {
	var reports []Report
	if d.Findings != nil {
		if d.SchemaVersion != ReportSchema {
			return nil, fmt.Errorf("the report of %s has schema version %d, which is not supported: want %d", d.Node, d.SchemaVersion, ReportSchema)
		}
		reports = append(reports, d.Report)
	}
	if text := d.Data[ReportKey]; text != "" {
		var inner document
		if err := json.Unmarshal([]byte(text), &inner); err != nil {
			return nil, fmt.Errorf("the config map %s holds no report under %s: %w", d.Metadata.Name, ReportKey, err)
		}
		inner.Data, inner.Items = nil, nil
		found, err := inner.reports()
		if err != nil {
			return nil, err
		}
		reports = append(reports, found...)
	}
	for _, item := range d.Items {
		found, err := item.reports()
		if err != nil {
			return nil, err
		}
		reports = append(reports, found...)
	}
	return reports, nil
}

// Summary is what was found on several nodes.
type Summary struct {
	Worst Severity `json:"worst"`
	// Nodes are the reports, the worst first, then by name.
	Nodes []NodeSummary `json:"nodes"`
	// Findings are those that are not OK, the worst first, each with its nodes.
	Findings []SharedFinding `json:"findings"`
}

// NodeSummary counts the findings of a node.
type NodeSummary struct {
	Node     string   `json:"node"`
	Time     string   `json:"time"`
	From     string   `json:"from,omitempty"`
	To       string   `json:"to,omitempty"`
	Worst    Severity `json:"worst"`
	Errors   int      `json:"errors"`
	Warnings int      `json:"warnings"`
	Unknown  int      `json:"unknown"`
}

// SharedFinding is one finding and the nodes that have it, in order.
type SharedFinding struct {
	Finding
	Nodes []string `json:"nodes"`
}

// Summarise puts reports together. Of several of a node the newest counts.
func Summarise(reports []Report) Summary {
	newest := map[string]Report{}
	for _, report := range reports {
		if before, seen := newest[report.Node]; !seen || report.Time.After(before.Time) {
			newest[report.Node] = report
		}
	}
	summary := Summary{Worst: OK, Nodes: []NodeSummary{}, Findings: []SharedFinding{}}
	shared := map[Finding][]string{}
	for _, report := range newest {
		node := count(report)
		summary.Nodes = append(summary.Nodes, node)
		if node.Worst.AtLeast(summary.Worst) {
			summary.Worst = node.Worst
		}
		for _, finding := range report.Findings {
			if finding.Severity != OK && !slices.Contains(shared[finding], report.Node) {
				shared[finding] = append(shared[finding], report.Node)
			}
		}
	}
	for finding, nodes := range shared {
		slices.Sort(nodes)
		summary.Findings = append(summary.Findings, SharedFinding{finding, nodes})
	}
	summary.sort()
	return summary
}

func count(report Report) NodeSummary {
	node := NodeSummary{
		Node: report.Node, Time: report.Time.UTC().Format("2006-01-02T15:04:05Z"), From: report.From, To: report.To, Worst: Worst(report.Findings),
	}
	for _, finding := range report.Findings {
		switch finding.Severity {
		case Error:
			node.Errors++
		case Warning:
			node.Warnings++
		case Unknown:
			node.Unknown++
		}
	}
	return node
}

func (s *Summary) sort() {
	worse := func(a, b Severity) int { return slices.Index(Severities(), b) - slices.Index(Severities(), a) }
	slices.SortFunc(s.Nodes, func(a, b NodeSummary) int {
		if order := worse(a.Worst, b.Worst); order != 0 {
			return order
		}
		return strings.Compare(a.Node, b.Node)
	})
	slices.SortFunc(s.Findings, func(a, b SharedFinding) int {
		if order := worse(a.Severity, b.Severity); order != 0 {
			return order
		}
		if order := len(b.Nodes) - len(a.Nodes); order != 0 {
			return order
		}
		return strings.Compare(a.Check+a.Summary, b.Check+b.Summary)
	})
}
