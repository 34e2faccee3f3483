package e2e_test

import (
	"os"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/upgrade"
)

// In-place upgrades over the change of the hash, on a real cluster of one node: stock
// kubelets restart what they are known to restart, patched ones what was edited.
func TestUpgradeScenarios(t *testing.T) {
	p := open(t)
	for name, test := range map[string]struct {
		toStock   bool
		scenarios string
		control   bool
	}{
		"stock control": {true, "plain", true},
		"patched":       {false, "plain,edit-during,corrupt,static-edit", false},
	} {
		t.Run(name, func(t *testing.T) {
			results, err := p.UpgradeTest(t.Context(), pipeline.UpgradeOptions{
				From: "v1.30.14", To: "v1.31.0", FromStock: true, ToStock: test.toStock, Scenarios: test.scenarios,
			})
			upgrade.WriteSummary(os.Stderr, results)
			if err != nil {
				t.Fatal(err)
			}
			for _, result := range results {
				if result.Control() != test.control {
					t.Errorf("scenario %s: control %t, want %t", result.Scenario.Name, result.Control(), test.control)
				}
			}
		})
	}
}
