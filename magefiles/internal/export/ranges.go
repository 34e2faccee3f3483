package export

import (
	"fmt"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// variant is a patch file with the versions that it is for: from Low on, below High.
type variant struct {
	File      string
	Low, High kubever.Version
}

// newVariant reads a range of the form ">=LOW <HIGH". The error matches ErrPerson for any
// other, which only a person can change.
func newVariant(file string, versions kubever.Range) (variant, error) {
	bounds := versions.Bounds()
	if len(bounds) != 2 {
		return variant{}, fmt.Errorf("%w: the versions of %s, %q, are not of the form \">=1.30.0 <1.38.0\"", ErrPerson, file, versions)
	}
	v := variant{file, bounds[0], bounds[1]}
	if v.String() != versions.String() {
		return variant{}, fmt.Errorf("%w: the versions of %s, %q, are not of the form \">=1.30.0 <1.38.0\"", ErrPerson, file, versions)
	}
	return v, nil
}

// String returns the range as series.yaml has it.
func (v variant) String() string {
	return fmt.Sprintf(">=%s <%s", v.Low.String()[1:], v.High.String()[1:])
}

func (v variant) contains(tag kubever.Version) bool {
	return v.Low.Compare(tag) <= 0 && tag.Compare(v.High) < 0
}

// nextMinor is where the versions of a tag's minor version end.
func nextMinor(tag kubever.Version) kubever.Version {
	return kubever.Version{Major: tag.Major, Minor: tag.Minor + 1}
}

// extend widens the range of one variant of a slot so that it contains a tag. It reports
// false where another variant lies between, or has the tag: then the tag needs a variant
// of its own.
func extend(variants []variant, file string, tag kubever.Version) ([]variant, bool) {
	widened := make([]variant, len(variants))
	copy(widened, variants)
	for i, v := range widened {
		if v.File != file {
			continue
		}
		switch {
		case tag.Compare(v.Low) < 0:
			widened[i].Low = tag
		case tag.Compare(v.High) >= 0:
			widened[i].High = nextMinor(tag)
		}
		return widened, !overlaps(widened, i)
	}
	return nil, false
}

func overlaps(variants []variant, i int) bool {
	for j, other := range variants {
		if j != i && other.Low.Compare(variants[i].High) < 0 && variants[i].Low.Compare(other.High) < 0 {
			return true
		}
	}
	return false
}

// add gives a tag a variant of its own, up to the next minor version or to the next
// variant. A variant that claimed the tag loses it, with all that comes after; where it
// is proven on a locked tag there, only a person can divide it. The new one stands
// before the first that begins later.
func add(variants []variant, file string, tag kubever.Version, locked []kubever.Version) ([]variant, error) {
	made := variant{file, tag, nextMinor(tag)}
	var divided []variant
	for _, v := range variants {
		if v.contains(tag) {
			var err error
			if v, err = v.cut(made, locked); err != nil {
				return nil, err
			}
		}
		if v.Low.Compare(tag) > 0 && v.Low.Compare(made.High) < 0 {
			made.High = v.Low
		}
		divided = append(divided, v)
	}
	for i, v := range divided {
		if v.Low.Compare(tag) > 0 {
			return append(divided[:i:i], append([]variant{made}, divided[i:]...)...), nil
		}
	}
	return append(divided, made), nil
}

// cut takes the versions of another variant away.
func (v variant) cut(made variant, locked []kubever.Version) (variant, error) {
	before, after := false, false
	for _, tag := range locked {
		if !v.contains(tag) || tag == made.Low {
			continue
		}
		before = before || tag.Compare(made.Low) < 0
		after = after || tag.Compare(made.Low) > 0
	}
	switch {
	case before && after:
		return v, fmt.Errorf("%w: %s (%s) is proven on locked tags before and after %s: list it twice, under two names, around the new variant",
			ErrPerson, v.File, v, made.Low)
	case after:
		v.Low = made.High
	default:
		v.High = made.Low
	}
	if v.Low.Compare(v.High) >= 0 {
		return v, fmt.Errorf("%w: %s has no versions left: edit it instead of adding a variant", ErrPerson, v.File)
	}
	return v, nil
}
