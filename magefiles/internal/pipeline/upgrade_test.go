package pipeline_test

import (
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/upgrade"
)

// What can't work is refused before anything is built, with what to do about it.
func TestUpgradeTestRefuses(t *testing.T) {
	if err := upgrade.Require(); err != nil {
		t.Skip(err)
	}
	root, _ := repository(t)
	p, err := pipeline.Open(config(root))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	for name, test := range map[string]struct {
		options pipeline.UpgradeOptions
		want    string
	}{
		"unknown scenario": {pipeline.UpgradeOptions{From: "v1.36.3", To: "v1.36.3", Scenarios: "nonsense"}, "edit-during"},
		"no tag":           {pipeline.UpgradeOptions{From: "1.36", To: "v1.36.3", Scenarios: "plain"}, "not a Kubernetes version"},
		"bad second tag":   {pipeline.UpgradeOptions{From: "v1.36.3", To: "v1.36", Scenarios: "plain"}, "not a Kubernetes version"},
		"unknown tag":      {pipeline.UpgradeOptions{From: "v1.36.3", To: "v1.99.0", Scenarios: "plain"}, "v1.99.0"},
		"nothing between":  {pipeline.UpgradeOptions{From: "v1.36.3", To: "v1.36.3", FromStock: true, Scenarios: "hops"}, "needs a kubelet between"},
		"no archive":       {pipeline.UpgradeOptions{From: "v1.20.2", To: "v1.36.3", Scenarios: "plain"}, "-archive"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := p.UpgradeTest(t.Context(), test.options); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
