package predict

import (
	"cmp"
	"slices"
)

// Sums adds forecasts up. The zero Sums is empty.
type Sums struct {
	Total      Counts         `json:"total"`
	Namespaces []NamespaceSum `json:"namespaces"`
	Reasons    []ReasonSum    `json:"reasons"`

	namespaces map[string]*Counts
	reasons    map[reasonKey]int
}

// Counts counts containers by verdict.
type Counts struct {
	Kept            int `json:"kept"`
	Restarts        int `json:"restarts"`
	Ends            int `json:"ends"`
	KeptBySteadylet int `json:"keptBySteadylet"`
	Unknown         int `json:"unknown"`
}

// NamespaceSum is the sum of a namespace.
type NamespaceSum struct {
	Namespace string `json:"namespace"`
	Counts
}

// ReasonSum counts the containers with a verdict for a reason.
type ReasonSum struct {
	Verdict    Verdict `json:"verdict"`
	Step       int     `json:"step,omitempty"`
	Reason     string  `json:"reason"`
	Containers int     `json:"containers"`
}

type reasonKey struct {
	verdict Verdict
	step    int
	reason  string
}

func (c *Counts) add(verdict Verdict) {
	switch verdict {
	case Kept:
		c.Kept++
	case Restarts:
		c.Restarts++
	case Ends:
		c.Ends++
	case KeptBySteadylet:
		c.KeptBySteadylet++
	default:
		c.Unknown++
	}
}

// Add adds a forecast.
func (s *Sums) Add(f Forecast) {
	if s.reasons == nil {
		s.namespaces, s.reasons = map[string]*Counts{}, map[reasonKey]int{}
	}
	if s.namespaces[f.Namespace] == nil {
		s.namespaces[f.Namespace] = new(Counts)
	}
	s.Total.add(f.Verdict)
	s.namespaces[f.Namespace].add(f.Verdict)
	s.reasons[reasonKey{f.Verdict, f.Step, f.Reason}]++
}

// finish fills the lists: namespaces by name, reasons by how many containers they have.
func (s *Sums) finish() {
	s.Namespaces, s.Reasons = []NamespaceSum{}, []ReasonSum{}
	for namespace, counts := range s.namespaces {
		s.Namespaces = append(s.Namespaces, NamespaceSum{namespace, *counts})
	}
	slices.SortFunc(s.Namespaces, func(a, b NamespaceSum) int { return cmp.Compare(a.Namespace, b.Namespace) })
	for key, count := range s.reasons {
		s.Reasons = append(s.Reasons, ReasonSum{key.verdict, key.step, key.reason, count})
	}
	slices.SortFunc(s.Reasons, func(a, b ReasonSum) int {
		return cmp.Or(cmp.Compare(b.Containers, a.Containers), cmp.Compare(a.Verdict, b.Verdict),
			cmp.Compare(a.Step, b.Step), cmp.Compare(a.Reason, b.Reason))
	})
}
