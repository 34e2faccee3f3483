// Package upgradetable sums up the table of upgrades that were run on real kubelets: a
// row for each pair of versions in place of one for each run.
package upgradetable

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Page is the file in the repository with a row for each run, Part the name of that part
// of it; README.md has what Summarize makes of it under the same name.
const (
	Page = "docs/upgrades.md"
	Part = "upgrades"
)

// Heading is the first line of the table that Summarize reads, as Row writes its rows.
const Heading = "| upgrade | scenario | containers | had to be replaced | were replaced | result | series |"

// The verdicts in the column result.
const (
	Passed        = "passed"
	ControlPassed = "control passed"
	Failed        = "**failed**"
)

// Row is what one run showed.
type Row struct {
	// Upgrade lists the kubelets, "v1.30.14 (stock) -> v1.31.0 (patched)".
	Upgrade, Scenario string
	// Containers is how many there were, Had how many had to be replaced, and Were how
	// many were.
	Containers, Had, Were int
	// Result is one of the verdicts.
	Result string
	// Series has the digests of the series that the patched kubelets name, the oldest
	// kubelet's first; there is none in a control.
	Series string
}

// String returns the row as a line of the table.
func (r Row) String() string {
	return fmt.Sprintf("| %s | %s | %d | %d | %d | %s | %s |", r.Upgrade, r.Scenario, r.Containers, r.Had, r.Were, r.Result, r.Series)
}

// Errors that Parse can be matched against with errors.Is.
var (
	// ErrHeading means that the table is not one of upgrades.
	ErrHeading = errors.New("not a table of upgrades")
	// ErrRow means that one of its rows can't be read.
	ErrRow = errors.New("not a row of a table of upgrades")
)

// Parse reads the rows of a table.
func Parse(table string) ([]Row, error) {
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if lines[0] != Heading || len(lines) < 2 {
		return nil, fmt.Errorf("%w: it begins with %q, want %q", ErrHeading, lines[0], Heading)
	}
	var rows []Row
	for _, line := range lines[2:] {
		row, err := parseRow(line)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func parseRow(line string) (Row, error) {
	cells := strings.Split(line, "|")
	if len(cells) != 9 || cells[0] != "" || cells[8] != "" {
		return Row{}, fmt.Errorf("%w: %q", ErrRow, line)
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	row := Row{Upgrade: cells[1], Scenario: cells[2], Result: cells[6], Series: cells[7]}
	for i, number := range []*int{&row.Containers, &row.Had, &row.Were} {
		var err error
		if *number, err = strconv.Atoi(cells[3+i]); err != nil || *number < 0 {
			return Row{}, fmt.Errorf("%w: %q is no number of containers in %q", ErrRow, cells[3+i], line)
		}
	}
	if !slices.Contains([]string{Passed, ControlPassed, Failed}, row.Result) || len(row.versions()) < 2 {
		return Row{}, fmt.Errorf("%w: %q", ErrRow, line)
	}
	return row, nil
}

// versions lists the kubelets' versions.
func (r Row) versions() []string {
	var versions []string
	for kubelet := range strings.SplitSeq(r.Upgrade, " -> ") {
		version, _, _ := strings.Cut(kubelet, " ")
		versions = append(versions, version)
	}
	return versions
}

// pair returns the upgrade's first version and where it led. There and back again counts
// as the way there.
func (r Row) pair() string {
	versions := r.versions()
	last := versions[len(versions)-1]
	if last == versions[0] {
		last = versions[1]
	}
	return versions[0] + " -> " + last
}

// sum is what the runs of one pair showed.
type sum struct {
	pair                                      string
	control                                   string
	runs, passed, containers, needless, right int
	had                                       int
}

// Summarize returns a Markdown table with a row for each pair, in the order in which the
// pairs come up first.
func Summarize(rows []Row) string {
	var sums []*sum
	for _, row := range rows {
		at := slices.IndexFunc(sums, func(s *sum) bool { return s.pair == row.pair() })
		if at < 0 {
			at = len(sums)
			sums = append(sums, &sum{pair: row.pair(), control: "not run"})
		}
		sums[at].add(row)
	}
	var out strings.Builder
	out.WriteString("| upgrade | stock replaces needlessly | scenarios passed, patched | replaced needlessly | replaced because they had to be |\n|---|---|---|---|---|\n")
	for _, s := range sums {
		fmt.Fprintf(&out, "| %s | %s | %d of %d | %d of %d | %d of %d |\n", s.pair, s.control, s.passed, s.runs, s.needless, s.containers, s.right, s.had)
	}
	return out.String()
}

// add counts a row.
func (s *sum) add(row Row) {
	if row.Series == "" {
		s.control = fmt.Sprintf("%d of %d", row.Were, row.Containers)
		return
	}
	s.runs++
	if row.Result == Passed {
		s.passed++
	}
	s.containers += row.Containers
	s.had += row.Had
	s.right += min(row.Had, row.Were)
	s.needless += max(0, row.Were-row.Had)
}
