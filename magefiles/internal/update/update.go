// Package update says which Kubernetes tags are new, and what each of them asks for.
//
// Everything here is pure.
package update

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/steadylet/steadylet/magefiles/internal/check"
	"github.com/steadylet/steadylet/magefiles/internal/impact"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// Verdict is what a new tag asks for.
type Verdict string

// The verdicts. Only a tag that is Safe may be locked without a person.
const (
	// Safe: every series serves the tag as it is, and an upgrade to it moves nothing.
	Safe Verdict = "safe"
	// NeedsRebase: a series does not serve the tag, or does not apply to it.
	NeedsRebase Verdict = "needs a rebase"
	// MovesHash: the series serve it, and it computes hashes, or the UIDs of static
	// pods, in another way than the tag before it.
	MovesHash Verdict = "changes the hash again"
	// Unknown: one of these can't be found out.
	Unknown Verdict = "unknown"
)

// Finding is one new tag.
type Finding struct {
	Tag     kubever.Version `json:"tag"`
	Verdict Verdict         `json:"verdict"`
	// Locked says that the tag is in the lock now.
	Locked bool `json:"locked"`
	// Details say why, in sentences.
	Details []string `json:"details"`
}

// New returns the tags that are newer than every locked one of their minor version, in
// order. Minor versions older than the oldest locked one, and prereleases, are left out.
func New(tags, locked []kubever.Version) []kubever.Version {
	if len(locked) == 0 {
		return nil
	}
	oldest := slices.MinFunc(locked, kubever.Version.Compare)
	var found []kubever.Version
	for _, tag := range tags {
		if tag.Prerelease != "" || tag.Major < oldest.Major || tag.Major == oldest.Major && tag.Minor < oldest.Minor {
			continue
		}
		known := slices.ContainsFunc(locked, func(l kubever.Version) bool {
			return l.Major == tag.Major && l.Minor == tag.Minor && l.Compare(tag) >= 0
		})
		if !known {
			found = append(found, tag)
		}
	}
	slices.SortFunc(found, kubever.Version.Compare)
	return slices.Compact(found)
}

// Before returns the locked tag that an upgrade to a tag most likely comes from: the
// newest that is older.
func Before(tag kubever.Version, locked []kubever.Version) (kubever.Version, bool) {
	var best kubever.Version
	for _, l := range locked {
		if l.Compare(tag) < 0 && l.Compare(best) > 0 {
			best = l
		}
	}
	return best, best != kubever.Version{}
}

// Classify judges a tag by what became of every series on it. rows of series that do not
// touch the tag's minor version at all are to be left out. from is what Before returned,
// or the zero version.
func Classify(tag, from kubever.Version, rows []check.Row) Finding {
	finding := Finding{Tag: tag, Verdict: Safe, Details: []string{}}
	var proven []string
	for _, row := range rows {
		why := needsRebase(row)
		switch {
		case row.Unavailable != "":
			finding.add(Unknown, row.Unavailable)
		case why == "":
			proven = append(proven, row.Series)
		default:
			finding.add(NeedsRebase, why)
			if from != (kubever.Version{}) {
				finding.add(NeedsRebase, fmt.Sprintf("bring it there with `go tool mage edit -series=%s -version=%s -from=%s`", row.Series, tag, from))
			}
		}
	}
	switch {
	case len(rows) == 0:
		finding.add(Unknown, "no series is made for the tag before it, so none was tried")
	case len(proven) > 0:
		finding.add(Safe, "applied and proven: "+strings.Join(proven, ", "))
	}
	return finding
}

// needsRebase says why a series does not serve a tag, or nothing.
func needsRebase(row check.Row) string {
	switch {
	case len(row.Conflicts) > 0:
		return fmt.Sprintf("series %s has %d conflicts, the first %s", row.Series, len(row.Conflicts), row.Conflicts[0])
	case len(row.Hooks) > 0:
		return fmt.Sprintf("series %s applies without effect: %s", row.Series, row.Hooks[0])
	case row.Selection.Kind == check.Refused:
		return fmt.Sprintf("series %s applies as it is, but %s: a rebase only widens them", row.Series, row.Selection.Reason)
	}
	return ""
}

// WithImpact adds what an upgrade to the tag does to containers that nobody changed. The
// report is of the tag that Before returned.
func (f Finding) WithImpact(report *impact.Report) Finding {
	f.Details = slices.Clone(f.Details)
	moves := false
	for _, verdict := range report.Verdicts {
		if verdict.Outcome == impact.Kept {
			continue
		}
		asks := MovesHash
		if verdict.Outcome == impact.NotKnown {
			asks = Unknown
		}
		f.add(asks, fmt.Sprintf("%s to %s, %s: %s, %s", report.From, report.To, verdict.Of, verdict.Outcome, verdict.Reason))
		moves = true
	}
	switch {
	case moves:
	case len(report.Verdicts) == 0:
		f.add(Unknown, fmt.Sprintf("nothing was compared with %s", report.From))
	default:
		f.add(Safe, fmt.Sprintf("hashes and static pods' UIDs are those of %s", report.From))
	}
	return f
}

// Without says that something about the tag could not be found out, and why.
func (f Finding) Without(reason string) Finding {
	f.Details = slices.Clone(f.Details)
	f.add(Unknown, reason)
	return f
}

// severity orders the verdicts. What is certain to need work goes before what is not
// known: it is what a person has to begin with.
var severity = []Verdict{Safe, Unknown, MovesHash, NeedsRebase}

// add notes a detail, and what it asks for, unless more is asked for already.
func (f *Finding) add(verdict Verdict, detail string) {
	if slices.Index(severity, verdict) > slices.Index(severity, f.Verdict) {
		f.Verdict = verdict
	}
	f.Details = append(f.Details, detail)
}

// Write writes a line for each tag, and its details below it.
func Write(w io.Writer, findings []Finding) error {
	if len(findings) == 0 {
		_, err := fmt.Fprintln(w, "no new tag")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, finding := range findings {
		locked := ""
		if finding.Locked {
			locked = ", locked"
		}
		fmt.Fprintf(table, "%s\t%s%s\n", finding.Tag, finding.Verdict, locked)
		for _, detail := range finding.Details {
			fmt.Fprintf(table, "\t  %s\n", strings.ReplaceAll(detail, "\n", " "))
		}
	}
	return table.Flush()
}

// WriteJSON writes the findings as one JSON value, a list.
func WriteJSON(w io.Writer, findings []Finding) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(append([]Finding{}, findings...)) // no finding is [], not null
}
