package certvalidity

import (
	"errors"
	"fmt"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// Request is what a person asks for. What is nil, or empty, is not said.
type Request struct {
	Component string
	// Series is the name of a patch series, or "none".
	Series   string
	Leaf, CA *int
}

// ErrRequest is matched by the error of a request that contradicts itself.
var ErrRequest = errors.New("the years of certificates")

// Years returns the years that are asked for, or nil when the request is not about
// certificates. The error matches ErrYears or ErrRequest.
func (r Request) Years(now time.Time) (*Years, error) {
	if r.Leaf == nil && r.CA == nil && r.Series != Series {
		return nil, nil
	}
	if r.Component != Component {
		return nil, fmt.Errorf("%w are those that kubeadm signs: give -component=%s too, not %s", ErrRequest, Component, r.Component)
	}
	years := Years{Leaf: DefaultLeaf, CA: DefaultCA}
	if r.Leaf != nil {
		years.Leaf = *r.Leaf
	}
	if r.CA != nil {
		years.CA = *r.CA
	}
	return &years, years.Check(now)
}

// SeriesFor returns the series that gives kubeadm of that version its years: Series, or
// none where the configuration does. The error matches ErrRequest when the request names
// another.
func (r Request) SeriesFor(v kubever.Version, none string) (string, error) {
	want, why := Series, "only that series has the years"
	if Configured(v) {
		want, why = none, "from 1.31 on kubeadm reads them from its configuration, so nothing is patched"
	}
	if r.Series != "" && r.Series != want {
		return "", fmt.Errorf("%w of kubeadm %s go with -series=%s, not %s: %s; leave -series out", ErrRequest, v, want, r.Series, why)
	}
	return want, nil
}
