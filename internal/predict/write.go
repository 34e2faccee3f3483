package predict

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/steadylet/steadylet/internal/asyaml"
)

// Writer writes forecasts one by one, and their sums at the end. It keeps none.
type Writer struct {
	out    *bufio.Writer
	format string
	sums   Sums
	rows   int
}

// NewWriter returns a writer of the format table, json or yaml, and writes the head.
func NewWriter(out io.Writer, format string, u Upgrade) *Writer {
	w := &Writer{out: bufio.NewWriter(out), format: format}
	switch format {
	case "json":
		fmt.Fprintf(w.out, "{\n  \"from\": %q,\n  \"to\": %q,\n  \"containers\": [", u.From, u.To)
	case "yaml":
		fmt.Fprintf(w.out, "from: %s\nto: %s\ncontainers:\n", u.From, u.To)
	default:
		fmt.Fprintf(w.out, "%s -> %s\n\n", u.From, u.To)
		w.line("VERDICT", "NAMESPACE/POD/CONTAINER", "WHY")
	}
	return w
}

// Add writes a forecast.
func (w *Writer) Add(f Forecast) error {
	w.sums.Add(f)
	w.rows++
	switch w.format {
	case "json":
		data, err := json.Marshal(f)
		if err != nil {
			return err
		}
		if w.rows > 1 {
			w.out.WriteByte(',')
		}
		fmt.Fprintf(w.out, "\n    %s", data)
	case "yaml":
		text, err := asyaml.Marshal([]Forecast{f})
		if err != nil {
			return err
		}
		w.out.Write(text)
	default:
		w.line(f.String(), f.Namespace+"/"+f.Pod+"/"+f.Container, f.Reason)
	}
	return nil // an error of the writer stays, for Close
}

// line writes a line of the table. Columns are as wide as is usual: a list may be too
// long to be looked at twice.
func (w *Writer) line(verdict, container, why string) {
	fmt.Fprintf(w.out, "%-26s  %-40s  %s\n", verdict, container, why)
}

// Close writes the sums, and returns them.
func (w *Writer) Close() (Sums, error) {
	w.sums.finish()
	switch w.format {
	case "json":
		data, err := json.MarshalIndent(w.sums, "  ", "  ")
		if err != nil {
			return w.sums, err
		}
		if w.rows > 0 {
			fmt.Fprint(w.out, "\n  ")
		}
		fmt.Fprintf(w.out, "],\n  \"sums\": %s\n}\n", data)
	case "yaml":
		text, err := asyaml.Marshal(map[string]Sums{"sums": w.sums})
		if err != nil {
			return w.sums, err
		}
		if w.rows == 0 {
			fmt.Fprintln(w.out, "  []")
		}
		w.out.Write(text)
	default:
		if err := w.sums.table(w.out); err != nil {
			return w.sums, err
		}
	}
	return w.sums, w.out.Flush()
}

// table writes the sums for people.
func (s Sums) table(out io.Writer) error {
	rows := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(rows, "\nNAMESPACE\tKEPT\tKEPT BY STEADYLET\tRESTARTS\tUNKNOWN\n")
	for _, n := range append(s.Namespaces, NamespaceSum{"all", s.Total}) {
		fmt.Fprintf(rows, "%s\t%d\t%d\t%d\t%d\n", n.Namespace, n.Kept, n.KeptBySteadylet, n.Restarts, n.Unknown)
	}
	if err := rows.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(rows, "\nCONTAINERS\tVERDICT\tWHY\n")
	for _, r := range s.Reasons {
		fmt.Fprintf(rows, "%d\t%s\t%s\n", r.Containers, Forecast{Verdict: r.Verdict, Step: r.Step}, r.Reason)
	}
	return rows.Flush()
}
