package update

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/check"
	"github.com/steadylet/steadylet/magefiles/internal/hookcheck"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/series"
)

func versions(t *testing.T, texts string) []kubever.Version {
	t.Helper()
	var parsed []kubever.Version
	for _, text := range strings.Fields(texts) {
		v, err := kubever.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, v)
	}
	return parsed
}

func TestNew(t *testing.T) {
	for name, test := range map[string]struct{ tags, locked, want string }{
		"newer patch release":  {"v1.30.5 v1.30.6", "v1.30.5", "v1.30.6"},
		"older patch release":  {"v1.30.4", "v1.30.5", ""},
		"between two":          {"v1.30.4", "v1.30.3 v1.30.5", ""},
		"new minor version":    {"v1.31.1 v1.31.0", "v1.30.5", "v1.31.0 v1.31.1"},
		"minor version before": {"v1.29.9", "v1.30.5", ""},
		"prerelease":           {"v1.31.0-rc.1", "v1.30.5", ""},
		"twice":                {"v1.30.6 v1.30.6", "v1.30.5", "v1.30.6"},
		"empty lock":           {"v1.30.6", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := New(versions(t, test.tags), versions(t, test.locked))
			if diff := cmp.Diff(versions(t, test.want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBefore(t *testing.T) {
	locked := versions(t, "v1.29.6 v1.30.14 v1.31.0")
	if got, ok := Before(versions(t, "v1.30.15")[0], locked); !ok || got.String() != "v1.30.14" {
		t.Errorf("got %s, %v", got, ok)
	}
	if got, ok := Before(versions(t, "v1.28.0")[0], locked); ok {
		t.Errorf("got %s for the oldest", got)
	}
}

func TestClassify(t *testing.T) {
	good := check.Row{Series: "s", Selection: check.Selection{Kind: check.Inherited}}
	refused := check.Row{Series: "s", Selection: check.Selection{Kind: check.Refused, Reason: "outside"}}
	conflict := check.Row{Series: "s", Conflicts: []series.Conflict{{Patch: "p", File: "f"}}}
	hook := check.Row{Series: "s", Hooks: []hookcheck.Failure{{}}}
	absent := check.Row{Series: "s", Unavailable: "gone"}
	for name, test := range map[string]struct {
		rows  []check.Row
		moves bool
		want  Verdict
	}{
		"safe":                {[]check.Row{good}, false, Safe},
		"moves":               {[]check.Row{good}, true, MovesHash},
		"outside":             {[]check.Row{good, refused}, true, NeedsRebase},
		"conflict":            {[]check.Row{conflict, good}, false, NeedsRebase},
		"hook":                {[]check.Row{hook}, false, NeedsRebase},
		"unavailable goes on": {[]check.Row{conflict, absent}, false, Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			finding := Classify(kubever.Version{Major: 1, Minor: 38}, test.rows).WithImpact(test.moves, "")
			if finding.Verdict != test.want {
				t.Errorf("got %q, want %q", finding.Verdict, test.want)
			}
			var out bytes.Buffer
			if err := Write(&out, []Finding{finding}); err != nil || !strings.Contains(out.String(), string(test.want)) {
				t.Errorf("%v: the report says\n%s", err, &out)
			}
		})
	}
}
