package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/steadylet/steadylet/magefiles/internal/hookcheck"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/serieslock"
)

// Report is every series on every tag that was asked for.
type Report struct {
	Rows []Row `json:"rows"`
	// Drift has what differs whatever the tag, by series.
	Drift map[string][]serieslock.Drift `json:"drift,omitempty"`
}

// Err returns nil where nothing is wrong, and else an error that matches
// series.ErrConflict, hookcheck.ErrHookMissing and serieslock.ErrDrift, as far as they
// were found. The report says the rest.
func (r *Report) Err() error {
	var conflicts []series.Conflict
	var hooks []hookcheck.Failure
	var problems []error
	drifts := map[string][]serieslock.Drift{}
	for name, drift := range r.Drift {
		drifts[name] = slices.Clone(drift)
	}
	for _, row := range r.Rows {
		conflicts = append(conflicts, row.Conflicts...)
		hooks = append(hooks, row.Hooks...)
		if len(row.Drift) > 0 {
			drifts[row.Series] = append(drifts[row.Series], row.Drift...)
		}
		if row.Unavailable != "" {
			problems = append(problems, fmt.Errorf("series %s on %s: %s", row.Series, row.Version, row.Unavailable))
		}
	}
	if len(conflicts) > 0 {
		problems = append(problems, &series.ConflictError{Conflicts: conflicts})
	}
	if len(hooks) > 0 {
		problems = append(problems, &hookcheck.Error{Failures: hooks})
	}
	for _, name := range sortedKeys(drifts) {
		if len(drifts[name]) > 0 {
			problems = append(problems, &serieslock.Error{Series: name, Drifts: drifts[name]})
		}
	}
	return errors.Join(problems...)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// JSON writes the report as one JSON value.
func (r *Report) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// Text writes a matrix for each series, and below it everything that is wrong.
func (r *Report) Text(w io.Writer) error {
	out := &errorWriter{w: w}
	for i, rows := range r.bySeries() {
		if i > 0 {
			fmt.Fprintln(out)
		}
		writeMatrix(out, rows)
		writeRefused(out, rows)
		for _, row := range rows {
			writeProblems(out, row)
		}
		writeDrift(out, r.Drift[rows[0].Series], rows)
	}
	return out.err
}

// errorWriter keeps the first error, so that it is asked for once.
type errorWriter struct {
	w   io.Writer
	err error
}

func (e *errorWriter) Write(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	n, err := e.w.Write(p)
	e.err = err
	return n, err
}

func (r *Report) bySeries() [][]Row {
	var groups [][]Row
	for i, row := range r.Rows {
		if i == 0 || r.Rows[i-1].Series != row.Series {
			groups = append(groups, nil)
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], row)
	}
	return groups
}

// writeMatrix writes a line for each tag and a column for each slot.
func writeMatrix(w io.Writer, rows []Row) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, rows[0].Series)
	slots := slotsOf(rows)
	for _, slot := range slots {
		fmt.Fprint(table, "\t", slot)
	}
	fmt.Fprintln(table, "\thooks\ttrees\tselection")
	for _, row := range rows {
		fmt.Fprint(table, row.Version)
		for _, slot := range slots {
			fmt.Fprint(table, "\t", row.cell(slot))
		}
		fmt.Fprintf(table, "\t%s\t%s\t%s\n", row.hooks(), row.trees(), row.selection())
	}
	table.Flush()
}

func slotsOf(rows []Row) []string {
	var slots []string
	for _, row := range rows {
		for _, patch := range row.Patches {
			if !slices.Contains(slots, patch.Slot) {
				slots = append(slots, patch.Slot)
			}
		}
	}
	return slots
}

func (r Row) cell(slot string) string {
	for _, patch := range r.Patches {
		if patch.Slot != slot {
			continue
		}
		if patch.State == Offset {
			return fmt.Sprintf("offset %+d", patch.Offset)
		}
		return string(patch.State)
	}
	return "-"
}

func (r Row) hooks() string {
	switch {
	case len(r.Hooks) > 0:
		return "missing"
	case r.Found == nil:
		return "-"
	}
	return "proven"
}

func (r Row) trees() string {
	switch {
	case len(r.Drift) > 0:
		return "drift"
	case r.Edited:
		return "patch edited"
	case r.Found == nil || r.Selection.Kind != Exact:
		return "-"
	}
	return "as recorded"
}

func (r Row) selection() string {
	switch {
	case r.Unavailable != "":
		return "unavailable"
	case r.Selection.Kind == Inherited:
		return fmt.Sprintf("inherited from %s, and proven", r.Selection.From)
	}
	return string(r.Selection.Kind)
}

// writeRefused says of one tag why it is refused, and names several.
func writeRefused(w io.Writer, rows []Row) {
	var refused []string
	for _, row := range rows {
		if row.Selection.Kind == Refused {
			refused = append(refused, row.Version.String())
		}
	}
	switch {
	case len(refused) == 0:
	case len(rows) == 1:
		fmt.Fprintf(w, "\n%s refused: %s\n", refused[0], rows[0].Selection.Reason)
	default:
		fmt.Fprintf(w, "\nrefused: %s; `go tool mage check -version=%s` says why\n", strings.Join(refused, ", "), refused[0])
	}
}

// writeProblems writes what a person needs to correct one row.
func writeProblems(w io.Writer, row Row) {
	if row.Unavailable != "" {
		fmt.Fprintf(w, "\n%s unavailable: %s\n", row.Version, row.Unavailable)
	}
	if len(row.Conflicts) > 0 {
		fmt.Fprintf(w, "\n%s conflicts:\n", row.Version)
		_ = (&series.ConflictError{Conflicts: row.Conflicts}).Report(w) // w keeps its error
	}
	for _, failure := range row.Hooks {
		fmt.Fprintf(w, "\n%s hook missing: %s\n", row.Version, failure)
	}
}

// writeDrift lists what differs from what is recorded, one a line.
func writeDrift(w io.Writer, drifts []serieslock.Drift, rows []Row) {
	drifts = slices.Clone(drifts)
	for _, row := range rows {
		drifts = append(drifts, row.Drift...)
	}
	if len(drifts) > 0 {
		fmt.Fprintln(w)
	}
	for _, drift := range drifts {
		fmt.Fprintf(w, "drift: %s\n", drift)
	}
}
