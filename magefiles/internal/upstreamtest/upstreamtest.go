// Package upstreamtest compares two runs of upstream's own tests: of a stock tree, and
// of the same tree with a series.
//
// It reads what `go test -json` writes (go doc cmd/test2json). All functions are pure.
package upstreamtest

import (
	"bufio"
	"bytes"
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

// Ran reports whether a test of the package ended. None does where it does not compile.
func (r Run) Ran(path string) bool {
	for name := range r {
		if strings.HasPrefix(name, path+".Test") {
			return true
		}
	}
	return false
}

// Said returns the last lines of what was printed in a run about a package that did not
// compile: what a compiler or linker says, be it as an event of that package or beside the
// events. Each begins with two spaces.
func Said(r io.Reader, path string, lines int) string {
	var said []string
	for reader := bufio.NewReader(r); ; {
		line, err := reader.ReadString('\n')
		var event struct{ Action, ImportPath, Output string }
		if json.Unmarshal([]byte(line), &event) == nil && event.Action != "" {
			line = ""
			// That of its tests is called "path [path.test]", or "path.test" when it is linked.
			of, _, _ := strings.Cut(event.ImportPath, " ")
			if event.Action == "build-output" && strings.TrimSuffix(of, ".test") == path {
				line = event.Output
			}
		}
		if line = strings.TrimRight(line, "\n"); line != "" {
			said = append(said, "  "+line)
		}
		if err != nil {
			return strings.Join(said[max(0, len(said)-lines):], "\n")
		}
	}
}

// ErrNotRun is matched by the error of runs that say nothing of a package.
var ErrNotRun = errors.New("upstream's tests did not run")

// CheckRan returns an error that matches ErrNotRun where a run says nothing of one of the
// packages, since none of its tests ended, or nothing at all, since no test passed. printed
// is what the run printed, of which the error has what explains it; tree names the run.
func (r Run) CheckRan(tree string, packages []string, printed []byte) error {
	const lines = 15
	for _, path := range packages {
		if !r.Ran(path) {
			return fmt.Errorf("%w: none of %s on the %s tree:\n%s", ErrNotRun, path, tree, Said(bytes.NewReader(printed), path, lines))
		}
	}
	if r.Count(Pass) == 0 {
		return fmt.Errorf("%w: none passes on the %s tree, so there is nothing to compare", ErrNotRun, tree)
	}
	return nil
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
