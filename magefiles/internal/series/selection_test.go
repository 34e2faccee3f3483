package series

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

func TestSelect(t *testing.T) {
	tests := []struct {
		version  string
		untested bool
		want     []string
		// refused are parts of the error's text.
		refused []string
	}{
		{version: "v1.20.0", want: []string{"0002-first.patch", "0001-second.patch"}},
		{version: "v1.24.17", want: []string{"0002-first.patch", "0001-second.patch"}},
		{version: "v1.37.2", untested: true, want: []string{"0002-first.patch", "0001-second-new.patch"}},
		{version: "v1.38.0", refused: []string{
			"series example is not made for v1.38.0", "0002-first.patch (>=1.20.0 <1.38.0)",
			"0001-second.patch (>=1.20.0 <1.25.0), 0001-second-new.patch (>=1.26.0 <1.38.0)", "-untested"}},
		{version: "v1.38.0", untested: true, want: []string{"0002-first.patch", "0001-second-new.patch"}},
		{version: "v1.19.3", untested: true, want: []string{"0002-first.patch", "0001-second.patch"}},
		{version: "v1.25.4", refused: []string{"not made for v1.25.4", "0001-second.patch (>=1.20.0 <1.25.0)", "-untested"}},
		{version: "v1.25.4", untested: true, want: []string{"0002-first.patch", "0001-second.patch"}},
		{version: "v2.0.0", untested: true, want: []string{"0002-first.patch", "0001-second-new.patch"}},
	}
	s := loadGood(t)
	for _, test := range tests {
		t.Run(test.version, func(t *testing.T) {
			patches, err := s.Select(mustVersion(t, test.version), test.untested)
			if test.refused != nil {
				checkRefused(t, patches, err, test.refused)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range patches {
				got = append(got, p.File)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("patches (-want +got):\n%s", diff)
			}
		})
	}
}

func checkRefused(t *testing.T, patches []*Patch, err error, parts []string) {
	t.Helper()
	var outside *RangeError
	if patches != nil || !errors.Is(err, ErrRange) || !errors.As(err, &outside) {
		t.Fatalf("Select = %v, %v; want a RangeError", patches, err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q does not say %q", err, part)
		}
	}
}

// TestSelectTwoVariants: untested doesn't choose between two that claim the
// version.
func TestSelectTwoVariants(t *testing.T) {
	s := loadGood(t)
	overlapping, err := kubever.ParseRange(">=1.24.0")
	if err != nil {
		t.Fatal(err)
	}
	s.Entries[2].Versions = overlapping
	for _, untested := range []bool{false, true} {
		patches, err := s.Select(mustVersion(t, "v1.24.0"), untested)
		checkRefused(t, patches, err, []string{"claimed more than once by 0001-second.patch", "correct the ranges in series.yaml"})
	}
}
