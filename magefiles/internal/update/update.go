// Package update says which Kubernetes tags are new, and what each of them asks for.
//
// Everything here is pure.
package update

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/steadylet/steadylet/magefiles/internal/check"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// Impact compares what two tags do with containers that nobody changed.
type Impact interface {
	// Moves reports whether an upgrade changes a hash or a static pod's UID in a way
	// that the state file library does not know yet, and what, in words.
	Moves(ctx context.Context, from, to kubever.Version) (moves bool, what string, err error)
}

// Verdict is what a new tag asks for.
type Verdict string

// The verdicts, the worst first.
const (
	// Unavailable: the tag's sources can't be had.
	Unavailable Verdict = "can't be had"
	// NeedsRebase: a series does not serve the tag, or does not apply to it.
	NeedsRebase Verdict = "needs a rebase"
	// MovesHash: the series serve it, and it computes hashes or UIDs in a new way.
	MovesHash Verdict = "changes the hash again"
	// Safe: none of these.
	Safe Verdict = "safe"
)

// Finding is one new tag.
type Finding struct {
	Tag     kubever.Version
	Verdict Verdict
	// Details say why, in sentences.
	Details []string
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
// touch the tag's minor version at all are to be left out.
func Classify(tag kubever.Version, rows []check.Row) Finding {
	finding := Finding{Tag: tag, Verdict: Safe}
	for _, row := range rows {
		switch {
		case row.Unavailable != "":
			finding.Verdict = Unavailable
			finding.Details = append(finding.Details, row.Unavailable)
		case len(row.Conflicts) > 0:
			finding.rebase(fmt.Sprintf("series %s has %d conflicts, the first %s", row.Series, len(row.Conflicts), row.Conflicts[0]))
		case len(row.Hooks) > 0:
			finding.rebase(fmt.Sprintf("series %s applies without effect: %s", row.Series, row.Hooks[0]))
		case row.Selection.Kind == check.Refused:
			finding.rebase(fmt.Sprintf("series %s applies as it is, but %s: the rebase only widens them", row.Series, row.Selection.Reason))
		default:
			finding.Details = append(finding.Details, fmt.Sprintf("series %s applies, its hooks are proven", row.Series))
		}
	}
	return finding
}

func (f *Finding) rebase(detail string) {
	if f.Verdict == Safe {
		f.Verdict = NeedsRebase
	}
	f.Details = append(f.Details, detail)
}

// WithImpact adds what an upgrade to the tag moves.
func (f Finding) WithImpact(moves bool, what string) Finding {
	if moves && f.Verdict == Safe {
		f.Verdict = MovesHash
	}
	if what != "" {
		f.Details = append(slices.Clone(f.Details), what)
	}
	return f
}

// Write writes a line for each tag, and its details below it.
func Write(w io.Writer, findings []Finding) error {
	if len(findings) == 0 {
		_, err := fmt.Fprintln(w, "no new tag")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, finding := range findings {
		fmt.Fprintf(table, "%s\t%s\n", finding.Tag, finding.Verdict)
		for _, detail := range finding.Details {
			fmt.Fprintf(table, "\t  %s\n", detail)
		}
	}
	return table.Flush()
}
