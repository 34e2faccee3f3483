package kubever

import (
	"fmt"
	"strings"
)

// Range is a set of versions written as comparisons that must all hold, for
// example ">=1.25.0 <1.31.0". The zero Range contains nothing.
//
// A prerelease counts as a version of its own, below its release: v1.31.0-rc.1
// lies within "<1.31.0".
type Range struct {
	bounds []bound
}

type bound struct {
	operator string
	version  Version
}

// operators are tried in this order, so that "<=" is not read as "<".
var operators = [...]string{">=", "<=", ">", "<", "="}

// ParseRange reads one or more comparisons separated by spaces. The operators
// are >=, <=, >, < and =.
func ParseRange(text string) (Range, error) {
	var r Range
	for _, field := range strings.Fields(text) {
		b, err := parseBound(field)
		if err != nil {
			return Range{}, fmt.Errorf("reading version range %q: %w", text, err)
		}
		r.bounds = append(r.bounds, b)
	}
	if len(r.bounds) == 0 {
		return Range{}, fmt.Errorf("reading version range %q: it is empty (want for example \">=1.30.0 <1.38.0\")", text)
	}
	return r, nil
}

func parseBound(field string) (bound, error) {
	for _, operator := range operators {
		if rest, ok := strings.CutPrefix(field, operator); ok {
			version, err := Parse(rest)
			return bound{operator, version}, err
		}
	}
	return bound{}, fmt.Errorf("%q does not start with one of >= <= > < =", field)
}

// Contains reports whether v satisfies every comparison of the range.
func (r Range) Contains(v Version) bool {
	for _, b := range r.bounds {
		if !b.holds(v) {
			return false
		}
	}
	return len(r.bounds) > 0
}

func (b bound) holds(v Version) bool {
	order := v.Compare(b.version)
	switch b.operator {
	case ">=":
		return order >= 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case "<":
		return order < 0
	default:
		return order == 0
	}
}

// Bounds returns the versions that the comparisons name, in their order.
func (r Range) Bounds() []Version {
	versions := make([]Version, len(r.bounds))
	for i, b := range r.bounds {
		versions[i] = b.version
	}
	return versions
}

// String returns the range in the form that ParseRange reads.
func (r Range) String() string {
	fields := make([]string, len(r.bounds))
	for i, b := range r.bounds {
		fields[i] = b.operator + strings.TrimPrefix(b.version.String(), "v")
	}
	return strings.Join(fields, " ")
}

// MarshalText writes what String returns.
func (r Range) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what ParseRange reads.
func (r *Range) UnmarshalText(text []byte) error {
	parsed, err := ParseRange(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}
