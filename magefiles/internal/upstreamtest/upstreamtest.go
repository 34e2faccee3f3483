// Package upstreamtest compares two runs of upstream's own tests: of a stock tree, and
// of the same tree with a series.
//
// It reads what `go test -json` writes (go doc cmd/test2json). All functions are pure.
package upstreamtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Outcome is how a test ended.
type Outcome string

// The outcomes of a test. One that never ended (its package did not compile, or its
// process died) has none of them.
const (
	Pass Outcome = "pass"
	Fail Outcome = "fail"
	Skip Outcome = "skip"
)

// Run is the outcome of each test, by "package.Test"; a package as a whole is there by
// its import path.
type Run map[string]Outcome

// Read reads the events of one run. Lines that are no event, such as what a linker
// writes, are skipped.
func Read(r io.Reader) (Run, error) {
	run := Run{}
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		var event struct{ Action, Package, Test string }
		if json.Unmarshal(line, &event) == nil && event.Package != "" {
			name := event.Package
			if event.Test != "" {
				name += "." + event.Test
			}
			switch outcome := Outcome(event.Action); outcome {
			case Pass, Fail, Skip:
				run[name] = outcome
			}
		}
		if errors.Is(err, io.EOF) {
			return run, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the events of go test: %w", err)
		}
	}
}

// Difference is a test that ended in another way.
type Difference struct {
	Test           string
	Stock, Patched Outcome
}

// String returns the difference in one line.
func (d Difference) String() string {
	return fmt.Sprintf("%s: %s stock, %s patched", d.Test, orMissing(d.Stock), orMissing(d.Patched))
}

func orMissing(outcome Outcome) string {
	if outcome == "" {
		return "did not end"
	}
	return string(outcome)
}

// Compare lists the tests whose outcome differs, in order. A test that fails in both
// runs is upstream's own affair.
func Compare(stock, patched Run) []Difference {
	var differences []Difference
	for name, outcome := range stock {
		if patched[name] != outcome {
			differences = append(differences, Difference{name, outcome, patched[name]})
		}
	}
	for name, outcome := range patched {
		if _, known := stock[name]; !known {
			differences = append(differences, Difference{name, "", outcome})
		}
	}
	slices.SortFunc(differences, func(a, b Difference) int { return strings.Compare(a.Test, b.Test) })
	return differences
}

// Count returns how many tests ended so.
func (r Run) Count(outcome Outcome) int {
	count := 0
	for _, each := range r {
		if each == outcome {
			count++
		}
	}
	return count
}
