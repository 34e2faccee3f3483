package update

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/check"
	"github.com/steadylet/steadylet/magefiles/internal/hookcheck"
	"github.com/steadylet/steadylet/magefiles/internal/impact"
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
	good := check.Row{Series: "s", Selection: check.Selection{Kind: check.Exact}}
	refused := check.Row{Series: "s", Selection: check.Selection{Kind: check.Refused, Reason: "outside"}}
	conflict := check.Row{Series: "s", Conflicts: []series.Conflict{{Patch: "p", File: "f"}}}
	hook := check.Row{Series: "s", Hooks: []hookcheck.Failure{{}}}
	absent := check.Row{Series: "s", Unavailable: "gone"}
	outcomes := func(all ...impact.Outcome) *impact.Report {
		report := new(impact.Report)
		for _, outcome := range all {
			report.Verdicts = append(report.Verdicts, impact.Verdict{Of: "x", Outcome: outcome, Reason: "because"})
		}
		return report
	}
	kept := outcomes(impact.Kept, impact.Kept)
	for name, test := range map[string]struct {
		rows   []check.Row
		impact *impact.Report
		want   Verdict
		detail string
	}{
		"safe":                    {[]check.Row{good, good}, kept, Safe, "applied and proven: s, s"},
		"one sort restarts":       {[]check.Row{good}, outcomes(impact.Kept, impact.Restarts), MovesHash, "all restart, because"},
		"some restart":            {[]check.Row{good}, outcomes(impact.Some), MovesHash, "some restart, because"},
		"not known":               {[]check.Row{good}, outcomes(impact.Kept, impact.NotKnown), Unknown, "unknown, because"},
		"moves, the rest unknown": {[]check.Row{good}, outcomes(impact.NotKnown, impact.Restarts), MovesHash, "unknown, because"},
		"nothing compared":        {[]check.Row{good}, outcomes(), Unknown, "nothing was compared"},
		"outside":                 {[]check.Row{good, refused}, outcomes(impact.Restarts), NeedsRebase, "outside"},
		"conflict":                {[]check.Row{conflict, good}, kept, NeedsRebase, "1 conflicts"},
		"hook":                    {[]check.Row{hook}, kept, NeedsRebase, "without effect"},
		"sources can't be had":    {[]check.Row{absent, good}, kept, Unknown, "gone"},
		"conflict, then not had":  {[]check.Row{conflict, absent}, kept, NeedsRebase, "gone"},
		"no series":               {nil, kept, Unknown, "none was tried"},
	} {
		t.Run(name, func(t *testing.T) {
			finding := Classify(kubever.Version{Major: 1, Minor: 38}, kubever.Version{Major: 1, Minor: 37, Patch: 2}, test.rows).WithImpact(test.impact)
			if finding.Verdict != test.want {
				t.Errorf("got %q, want %q", finding.Verdict, test.want)
			}
			said := slices.Contains(finding.Details, "bring it there with `go tool mage edit -series=s -version=v1.38.0 -from=v1.37.2`")
			if said != (test.want == NeedsRebase) {
				t.Errorf("it says how to rebase: %v", said)
			}
			var out bytes.Buffer
			if err := Write(&out, []Finding{finding}); err != nil || !strings.Contains(out.String(), string(test.want)) || !strings.Contains(out.String(), test.detail) {
				t.Errorf("%v: the report says\n%s", err, &out)
			}
		})
	}
}

// What can't be found out never makes a tag better than it was.
func TestWithout(t *testing.T) {
	for from, want := range map[Verdict]Verdict{Safe: Unknown, Unknown: Unknown, MovesHash: MovesHash, NeedsRebase: NeedsRebase} {
		before := Finding{Verdict: from, Details: make([]string, 0, 4)}
		if got := before.Without("no answer"); got.Verdict != want || len(got.Details) != 1 || len(before.Details) != 0 {
			t.Errorf("from %q: %+v", from, got)
		}
	}
}

func TestWrite(t *testing.T) {
	findings := []Finding{
		{Tag: versions(t, "v1.36.4")[0], Verdict: Safe, Locked: true, Details: []string{"a"}},
		{Tag: versions(t, "v1.38.0")[0], Verdict: NeedsRebase, Details: []string{"b\nc"}},
	}
	for name, test := range map[string]struct {
		write    func(io.Writer, []Finding) error
		findings []Finding
		want     string
	}{
		"text":          {Write, findings, "v1.36.4  safe, locked\n           a\nv1.38.0  needs a rebase\n           b c\n"},
		"text, no tag":  {Write, nil, "no new tag\n"},
		"JSON, no tag":  {WriteJSON, nil, "[]\n"},
		"JSON, one tag": {WriteJSON, findings[:1], "[\n  {\n    \"tag\": \"v1.36.4\",\n    \"verdict\": \"safe\",\n    \"locked\": true,\n    \"details\": [\n      \"a\"\n    ]\n  }\n]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := test.write(&out, test.findings); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
