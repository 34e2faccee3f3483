package gosum_test

import (
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/gosum"
)

func TestLookup(t *testing.T) {
	const text = "k8s.io/api v0.36.3/go.mod h1:gomod=\nk8s.io/api v0.36.3 h1:content=\nk8s.io/api v0.36.3 h1:second= extra\n\nk8s.io/apiserver v0.36.3 h1:other="
	for _, test := range []struct{ module, version, want string }{
		{"k8s.io/api", "v0.36.3", "h1:content="},
		{"k8s.io/apiserver", "v0.36.3", "h1:other="},
		{"k8s.io/api", "v0.36.4", ""},
		{"k8s.io/ap", "v0.36.3", ""},
	} {
		if got := gosum.Lookup(text, test.module, test.version); got != test.want {
			t.Errorf("%s %s: got %q, want %q", test.module, test.version, got, test.want)
		}
	}
}
