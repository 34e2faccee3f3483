package predict

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/steadylet/steadylet/internal/asyaml"
)

// Writer writes forecasts one by one, and their sums at the end. It keeps none but the
// first few of a table, whose columns are as wide as these need.
type Writer struct {
	out    *bufio.Writer
	format string
	sums   Sums
	rows   int
	first  [][3]string
	width  int // of the second column; 0 as long as lines are kept in first
}

// Bounds of a table: the lines that its second column is measured by, and that column. What
// is wider sticks out.
const (
	measured = 200
	minWidth = 40
	maxWidth = 100
)

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

// line writes a line of the table. A list may be too long to be looked at twice, so its
// first lines say how wide it is.
func (w *Writer) line(verdict, container, why string) {
	if w.width > 0 {
		fmt.Fprintf(w.out, "%-26s  %-*s  %s\n", verdict, w.width, container, why)
		return
	}
	if w.first = append(w.first, [3]string{verdict, container, why}); len(w.first) == measured {
		w.settle()
	}
}

// settle writes the lines that were kept.
func (w *Writer) settle() {
	width := minWidth
	for _, line := range w.first {
		width = max(width, min(len(line[1]), maxWidth))
	}
	w.width = width
	for _, line := range w.first {
		w.line(line[0], line[1], line[2])
	}
	w.first = nil
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
		if len(w.first) > 0 {
			w.settle()
		}
		if err := w.sums.table(w.out); err != nil {
			return w.sums, err
		}
	}
	return w.sums, w.out.Flush()
}

// table writes the sums for people.
func (s Sums) table(out io.Writer) error {
	rows := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(rows, "\nNAMESPACE\tKEPT\tKEPT BY STEADYLET\tRESTARTS\tENDS\tUNKNOWN\n")
	for _, n := range append(s.Namespaces, NamespaceSum{"all", s.Total}) {
		fmt.Fprintf(rows, "%s\t%d\t%d\t%d\t%d\t%d\n", n.Namespace, n.Kept, n.KeptBySteadylet, n.Restarts, n.Ends, n.Unknown)
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
