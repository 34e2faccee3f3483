package doctor

import "time"

// ReportSchema is the schema version of a Report. A field may be added within one, none
// changes its meaning.
const ReportSchema = 1

// Report is what was found on one node.
type Report struct {
	SchemaVersion int       `json:"schemaVersion"`
	Node          string    `json:"node"`
	Time          time.Time `json:"time"`
	// From and To are versions, "v1.30.14"; empty where they aren't known.
	From     string    `json:"from,omitempty"`
	To       string    `json:"to,omitempty"`
	Worst    Severity  `json:"worst"`
	Findings []Finding `json:"findings"`
}

// NewReport diagnoses a node.
func NewReport(facts Facts) Report {
	findings := Diagnose(facts)
	return Report{
		SchemaVersion: ReportSchema, Node: facts.Node, Time: facts.Now.UTC().Truncate(time.Second),
		From: facts.From.text, To: facts.To.text, Worst: Worst(findings), Findings: findings,
	}
}
