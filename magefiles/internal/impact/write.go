package impact

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Formats of Write.
const (
	Table    = "table"
	JSON     = "json"
	Markdown = "markdown"
)

// CheckFormat refuses what Write does not know.
func CheckFormat(format string) error {
	switch format {
	case Table, JSON, Markdown:
		return nil
	}
	return fmt.Errorf("format %q is unknown: want %s, %s or %s", format, Table, JSON, Markdown)
}

// Write writes a report in one of the formats.
func Write(out io.Writer, r *Report, format string) error {
	if err := CheckFormat(format); err != nil {
		return err
	}
	switch format {
	case JSON:
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	case Markdown:
		for _, part := range r.parts() {
			part.markdown(out)
		}
		return nil
	}
	for _, part := range r.parts() {
		if err := part.table(out); err != nil {
			return err
		}
	}
	return nil
}

// part is a table with a title.
type part struct {
	title string
	head  []string
	rows  [][]string
	none  string // what is said instead of no rows
}

func (p part) markdown(out io.Writer) {
	fmt.Fprintf(out, "\n### %s\n\n", p.title)
	if len(p.rows) == 0 {
		fmt.Fprintln(out, p.none)
		return
	}
	fmt.Fprintf(out, "| %s |\n|%s\n", strings.Join(p.head, " | "), strings.Repeat("---|", len(p.head)))
	for _, row := range p.rows {
		fmt.Fprintf(out, "| %s |\n", strings.ReplaceAll(strings.Join(row, " | "), "*", `\*`))
	}
}

func (p part) table(out io.Writer) error {
	fmt.Fprintf(out, "\n%s\n", p.title)
	if len(p.rows) == 0 {
		_, err := fmt.Fprintf(out, "  %s\n", p.none)
		return err
	}
	rows := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, row := range append([][]string{p.head}, p.rows...) {
		fmt.Fprintf(rows, "  %s\n", strings.Join(row, "\t"))
	}
	return rows.Flush()
}

// parts lays a report out.
func (r *Report) parts() []part {
	return []part{r.verdictPart(), r.sidesPart(), r.containerPart(), r.podPart()}
}

func (r *Report) verdictPart() part {
	p := part{title: fmt.Sprintf("%s -> %s, stock", r.From, r.To), head: []string{"what runs", "outcome", "why"}}
	for _, v := range r.Verdicts {
		reason := v.Reason
		if v.Outcome == Restarts && len(v.Fields) > 0 {
			reason += ": " + strings.Join(v.Fields, ", ")
		}
		p.rows = append(p.rows, []string{v.Of, string(v.Outcome), reason})
	}
	return p
}

func (r *Report) sidesPart() part {
	row := func(what string, say func(Side) string) []string { return []string{what, say(r.Was), say(r.Is)} }
	return part{title: "What each side does", head: []string{"", r.From.String(), r.To.String()}, rows: [][]string{
		row("hash of a container", func(s Side) string { return s.Hash.String() }),
		row("hashes are compared by", func(s Side) string { return strings.Join(s.Compared.By, ", ") }),
		row("UID of a static pod", func(s Side) string { return s.UID.Algorithm.String() }),
		row("  of", func(s Side) string { return strings.Join(s.UID.Inputs, ", ") }),
	}}
}

// String says what was recognised, or what stands in its place.
func (f Finding) String() string {
	if f.Is == Unknown {
		return Unknown + ": " + f.Found
	}
	return f.Is
}

func (r *Report) containerPart() part {
	p := part{
		title: "Fields of v1.Container", none: r.noChanges(),
		head: []string{"change", "field", "type", "left out when", "the API server fills it in"},
	}
	for _, c := range r.Container {
		p.rows = append(p.rows, []string{
			c.say(), c.pick(func(s *Shape) string { return s.Path }), c.pick(func(s *Shape) string { return s.Type }),
			c.pick((*Shape).leftOut), c.Defaulted,
		})
	}
	return p
}

func (r *Report) podPart() part {
	p := part{
		title: "Dump of a static pod's Pod", none: r.noChanges(),
		head: []string{"change", "field", "type", "in every pod"},
	}
	for _, c := range r.Pod {
		always := "no"
		if c.Shape().Always {
			always = "yes"
		}
		p.rows = append(p.rows, []string{
			c.say(), c.pick(func(s *Shape) string { return s.Path }), c.pick(func(s *Shape) string { return s.Type }), always,
		})
	}
	return p
}

func (r *Report) noChanges() string {
	if len(r.NotCompared) > 0 {
		return "not known: " + strings.Join(r.NotCompared, "; ")
	}
	return "none changed"
}

func (c Change) say() string {
	if c.Silent {
		return string(c.Kind) + ", to the same text"
	}
	return string(c.Kind)
}

// pick says a property of a field, and both where they differ.
func (c Change) pick(property func(*Shape) string) string {
	if c.Was == nil || c.Is == nil || property(c.Was) == property(c.Is) {
		return property(c.Shape())
	}
	return property(c.Was) + " -> " + property(c.Is)
}

func (s *Shape) leftOut() string {
	switch {
	case s.OmitEmpty && s.OmitZero:
		return "empty or zero"
	case s.OmitEmpty:
		return "empty"
	case s.OmitZero:
		return "zero"
	}
	return "never"
}
