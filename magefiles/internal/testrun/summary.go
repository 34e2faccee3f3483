package testrun

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// result counts tests, and names those that were skipped, with their reason.
type result struct {
	passed, failed int
	skipped        []skip
	// noRace says why the tests ran without the race detector, or nothing.
	noRace string
}

// skip is a test that was left out.
type skip struct{ name, reason string }

// add counts another's tests too.
func (r *result) add(other result) {
	r.passed, r.failed, r.skipped = r.passed+other.passed, r.failed+other.failed, append(r.skipped, other.skipped...)
}

// detail is what a reason has in brackets at its end, which does not tell it from others.
var detail = regexp.MustCompile(` \([^()]*\)$`)

// reasons counts the skipped tests by why they were skipped.
func (r *result) reasons() map[string]int {
	counts := map[string]int{}
	for _, skipped := range r.skipped {
		counts[detail.ReplaceAllString(skipped.reason, "")]++
	}
	return counts
}

// write names what was left out and sums it up. Its last line says how much of the whole
// ran.
func (r *result) write(out io.Writer) {
	for _, skipped := range r.skipped {
		fmt.Fprintf(out, "skipped: %s: %s\n", skipped.name, skipped.reason)
	}
	counts := r.reasons()
	if len(counts) > 0 || r.noRace != "" {
		fmt.Fprintln(out, "\nLeft out here (.ci/run installs what is missing on Debian, and runs all of it):")
	}
	if r.noRace != "" {
		fmt.Fprintf(out, "  the race detector, in every test: %s\n", r.noRace)
	}
	for _, reason := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	}) {
		fmt.Fprintf(out, "  %s: %s\n", tests(counts[reason]), reason)
	}
	ran := r.passed + r.failed
	whole := ran + len(r.skipped)
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped: %d%% of %s ran\n", r.passed, r.failed, len(r.skipped), 100*ran/max(whole, 1), tests(whole))
}

func tests(count int) string {
	if count == 1 {
		return "1 test"
	}
	return fmt.Sprintf("%d tests", count)
}

// testFunction is the beginning of a test.
var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)

// leaveOut counts the tests of a package, in a folder, as skipped.
func (r *result) leaveOut(pack, folder, reason string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, found := range testFunction.FindAllSubmatch(text, -1) {
			r.skipped = append(r.skipped, skip{pack + " " + string(found[1]), reason})
		}
	}
	return nil
}
