package impact_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/impact"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

var update = flag.Bool("update", false, "write testdata/minors.md anew, for which the module cache must have every version in it")

// minors are releases of consecutive minor versions. Those that are not in the lock are
// compared where the module cache has them.
var minors = []string{
	"v1.16.15", "v1.17.17", "v1.18.19", "v1.19.16", "v1.20.2", "v1.21.14", "v1.22.17", "v1.23.17", "v1.24.17", "v1.25.16", "v1.26.15",
	"v1.27.16", "v1.28.15", "v1.29.6", "v1.30.14", "v1.31.0", "v1.32.13", "v1.33.13", "v1.34.4", "v1.35.4", "v1.36.3", "v1.37.2",
}

// What each minor version does is written down in testdata/minors.md, with the
// questions that the sources settled. A line that differs from the sources fails.
func TestMinors(t *testing.T) {
	path := filepath.Join("testdata", "minors.md")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(string(data), tableHead)
	if !found {
		t.Fatalf("%s has no line %s", path, tableHead)
	}
	text := head + tableHead + tableRule
	compared := 0
	for i := 1; i < len(minors); i++ {
		report := adjacent(t, version(t, minors[i-1]), version(t, minors[i]))
		if report == nil {
			continue
		}
		compared++
		text += row(report)
		if !*update && !strings.Contains(string(data), row(report)) {
			t.Errorf("%s lacks this line (run this test with -update):\n%s", path, row(report))
		}
	}
	t.Logf("%d of %d steps compared", compared, len(minors)-1)
	switch {
	case compared == 0:
		modulesOf(t, version(t, minors[0])) // or those of the next one are missing
		modulesOf(t, version(t, minors[1]))
	case *update && compared < len(minors)-1:
		t.Fatal("not every version is in the module cache")
	case *update:
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	tableHead = "| step | containers | sidecars | static pods | static pods with a UID |\n"
	tableRule = "|---|---|---|---|---|\n"
)

func adjacent(t *testing.T, from, to kubever.Version) *impact.Report {
	was, lacks := cached(t, from)
	is, alsoLacks := cached(t, to)
	if lacks+alsoLacks != "" {
		return nil
	}
	return impact.Compare(from, to, factsOf(t, was), factsOf(t, is))
}

func row(r *impact.Report) string {
	cells := []string{fmt.Sprintf("%s -> %s", r.From, r.To)}
	for _, v := range r.Verdicts {
		cell := string(v.Outcome)
		if v.Outcome != impact.Kept {
			cell += ": " + v.Reason
		}
		if v.Outcome == impact.Restarts && len(v.Fields) > 0 {
			cell += ": " + strings.Join(v.Fields, ", ")
		}
		cells = append(cells, strings.ReplaceAll(cell, "*", `\*`))
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// No patch release moved a hash or a UID.
func TestPatchReleasesChangeNothing(t *testing.T) {
	known := locked(t)
	compared := 0
	for i := 1; i < len(known); i++ {
		from, to := known[i-1], known[i]
		if from.Minor != to.Minor {
			continue
		}
		compared++
		report := impact.Compare(from, to, factsOf(t, modulesOf(t, from)), factsOf(t, modulesOf(t, to)))
		for _, v := range report.Verdicts {
			if v.Outcome != impact.Kept {
				t.Errorf("%s -> %s: %s: %s: %s", from, to, v.Of, v.Outcome, v.Reason)
			}
		}
	}
	if compared == 0 {
		t.Error("the lock has no two releases of a minor version")
	}
}

// Every tag of the lock is understood, to the last function.
func TestEveryLockedTagIsKnown(t *testing.T) {
	for _, v := range locked(t) {
		t.Run(v.String(), func(t *testing.T) {
			facts := factsOf(t, modulesOf(t, v))
			got := []any{facts.Hash.Found, facts.UID.Algorithm.Found, facts.Compared.Rule.Found, facts.Compared.Unknown, facts.NoContainer, facts.NoPod}
			if diff := cmp.Diff([]any{"", "", "", []string(nil), "", ""}, got); diff != "" {
				t.Errorf("something is not known (-want +got):\n%s", diff)
			}
		})
	}
}
