package impact

import (
	"fmt"
	"slices"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// Outcome says what a stock upgrade does to containers that nobody changed.
type Outcome string

// The outcomes. Some means that those restart that have one of the named fields.
const (
	Kept     Outcome = "kept"
	Restarts Outcome = "all restart"
	Some     Outcome = "some restart"
	NotKnown Outcome = Unknown
)

// Verdict is the outcome for one sort of container.
type Verdict struct {
	// Of says which: see the subjects.
	Of      string   `json:"of"`
	Outcome Outcome  `json:"outcome"`
	Reason  string   `json:"reason"`
	Fields  []string `json:"fields,omitempty"`
}

// The subjects of verdicts.
const (
	OfRegular   = "containers of API pods"
	OfSidecars  = "sidecars of API pods"
	OfStatic    = "static pods"
	OfStaticUID = "static pods with a UID of their own"
)

// Report compares two versions.
type Report struct {
	From kubever.Version `json:"from"`
	To   kubever.Version `json:"to"`
	// Was and Is are what each side does.
	Was Side `json:"was"`
	Is  Side `json:"is"`
	// Container are the changes in the JSON of v1.Container, Pod those in the dump
	// of a static pod's Pod. NotCompared says why there are none, where a side is
	// not known.
	Container   []Change  `json:"container"`
	Pod         []Change  `json:"pod"`
	NotCompared []string  `json:"notCompared,omitempty"`
	Verdicts    []Verdict `json:"verdicts"`
}

// Side is what one version does.
type Side struct {
	Hash     Finding  `json:"hash"`
	UID      UID      `json:"uid"`
	Compared Compared `json:"compared"`
}

func (f *Facts) side() Side { return Side{Hash: f.Hash, UID: f.UID, Compared: f.Compared} }

// Compare tells what an upgrade from one version to the other does. It is pure.
func Compare(fromVersion, toVersion kubever.Version, from, to *Facts) *Report {
	report := &Report{
		From: fromVersion, To: toVersion, Was: from.side(), Is: to.side(),
		Container: containerChanges(from, to), Pod: podChanges(from, to),
	}
	for _, lack := range []struct{ version, of, why string }{
		{fromVersion.String(), "v1.Container", from.NoContainer}, {toVersion.String(), "v1.Container", to.NoContainer},
		{fromVersion.String(), "the static pod's Pod", from.NoPod}, {toVersion.String(), "the static pod's Pod", to.NoPod},
	} {
		if lack.why != "" {
			report.NotCompared = append(report.NotCompared, fmt.Sprintf("%s of %s: %s", lack.of, lack.version, lack.why))
		}
	}
	regular := report.byHash(OfRegular, from, to, to.Compared.Regular)
	report.Verdicts = []Verdict{
		regular, report.sidecars(from, to), report.static(from, to),
		{Of: OfStaticUID, Outcome: regular.Outcome, Reason: regular.Reason, Fields: regular.Fields},
	}
	return report
}

// byHash judges containers by the hash on them.
func (r *Report) byHash(of string, from, to *Facts, compared bool) Verdict {
	v := Verdict{Of: of, Outcome: NotKnown}
	switch {
	case to.Compared.Rule.Is == Unknown:
		v.Reason = "how hashes are compared is not known: " + to.Compared.Rule.Found
	case len(to.Compared.Unknown) > 0:
		v.Reason = "hashes are compared in a place that is not known: " + strings.Join(to.Compared.Unknown, ", ")
	case !compared:
		v.Outcome, v.Reason = Kept, "their hashes are not compared"
	case from.Hash.Is == Unknown:
		v.Reason = "the old hash is not known: " + from.Hash.Found
	case to.Hash.Is == Unknown:
		v.Reason = "the new hash is not known: " + to.Hash.Found
	case from.Hash.Is != to.Hash.Is:
		v.Outcome, v.Reason = Restarts, "the hash is made in another way"
	case from.Hash.PickedFields() != nil:
		v.Outcome, v.Reason = Kept, "the hash is made in the same way, of "+strings.Join(from.Hash.PickedFields(), " and ")
	case from.Hash.Is == HashStruct:
		v.Reason = "what a dump of v1.Container has is not compared"
	case from.Container == nil || to.Container == nil:
		v.Reason = "the fields of v1.Container are not known"
	default:
		return r.byFields(v)
	}
	return v
}

// sidecars judges sidecars. Where the old version did not look at their hashes, one may
// have that of a version before it.
func (r *Report) sidecars(from, to *Facts) Verdict {
	v := r.byHash(OfSidecars, from, to, to.Compared.Sidecars)
	if v.Outcome == Kept && to.Compared.Sidecars && !from.Compared.Sidecars {
		v.Outcome = Some
		v.Reason = "those that a version with another hash created: " + r.From.String() + " did not compare their hashes"
	}
	return v
}

// byFields judges where the hash is that of the whole JSON on both sides.
func (r *Report) byFields(v Verdict) Verdict {
	v.Outcome, v.Reason = Kept, "the hash is made in the same way, of the same fields"
	for _, c := range r.Container {
		shape := c.Shape()
		switch {
		case c.Silent:
			continue
		case c.Kind == Added || c.Kind == Removed:
			optional := shape.OmitEmpty || shape.OmitZero
			if !optional && shape.parent == "" || c.Defaulted == "yes" && shape.parent == "" {
				return Verdict{Of: v.Of, Outcome: Restarts, Reason: shape.Path + " is in every container", Fields: []string{shape.Path}}
			}
		case c.Kind == Moved, c.Kind == Changed, c.Kind == Renamed:
			if shape.parent == "" && !shape.OmitEmpty && !shape.OmitZero {
				return Verdict{Of: v.Of, Outcome: Restarts, Reason: shape.Path + " is in every container", Fields: []string{shape.Path}}
			}
		}
		v.Outcome, v.Fields = Some, append(v.Fields, shape.Path)
	}
	if v.Outcome == Some {
		v.Reason = "those that have " + alternatives(v.Fields)
	}
	return v
}

// static judges static pods without a UID of their own.
func (r *Report) static(from, to *Facts) Verdict {
	v := Verdict{Of: OfStatic, Outcome: NotKnown}
	switch {
	case from.UID.Algorithm.Is == Unknown:
		v.Reason = "how the old UID is made up is not known: " + from.UID.Algorithm.Found
	case to.UID.Algorithm.Is == Unknown:
		v.Reason = "how the new UID is made up is not known: " + to.UID.Algorithm.Found
	case from.UID.Algorithm.Is != to.UID.Algorithm.Is:
		v.Outcome, v.Reason = Restarts, "the UID is made with another hash"
	case !slices.Equal(from.UID.Inputs, to.UID.Inputs):
		v.Outcome, v.Reason = Restarts, "the UID is made of something else"
	case from.Pod == nil || to.Pod == nil:
		v.Reason = "the fields of the Pod are not known"
	default:
		return r.byDump(v)
	}
	return v
}

// byDump judges by what the dump of the Pod has.
func (r *Report) byDump(v Verdict) Verdict {
	for _, c := range r.Pod {
		if c.Shape().Always || c.Was != nil && c.Was.Always {
			v.Fields = append(v.Fields, c.Shape().Path)
		}
	}
	if len(v.Fields) > 0 {
		v.Outcome, v.Reason = Restarts, "the UID is made of a dump that changed in every pod"
		return v
	}
	for _, c := range r.Pod {
		if holder := holder(c.Shape().Path); !slices.Contains(v.Fields, holder) {
			v.Fields = append(v.Fields, holder)
		}
	}
	if len(v.Fields) > 0 {
		v.Outcome, v.Reason = Some, "those that have "+alternatives(v.Fields)
		return v
	}
	regular := r.byHash(OfStatic, &Facts{Hash: r.Was.Hash}, &Facts{Hash: r.Is.Hash, Compared: r.Is.Compared}, r.Is.Compared.Regular)
	if r.Was.Hash == r.Is.Hash && regular.Outcome == NotKnown {
		regular = r.byFields(v)
	}
	regular.Reason = "the UID stays; " + regular.Reason
	return regular
}

// holder is the innermost thing on a path that is not in every pod.
func holder(path string) string {
	last := strings.LastIndexAny(path, "*]}")
	if last < 0 {
		return path
	}
	return path[:last+1]
}

// alternatives writes a list with "or".
func alternatives(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	return strings.Join(items[:len(items)-1], ", ") + " or " + items[len(items)-1]
}
