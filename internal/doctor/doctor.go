// Package doctor judges a node before its kubelet is upgraded in place: what would
// restart containers although their spec is the same, what would keep the new kubelet
// from starting, and what would be missing on the way back.
//
// # Guarantee
//
// Diagnose is a pure function of the facts, which are gathered elsewhere. Every check
// has at least one finding; one whose fact could not be gathered is Unknown, never OK.
// Findings hold paths, names and versions, never the content of a manifest, a
// configuration or a command line.
//
// The names of checks and severities are stable. Checks may be added.
package doctor

import (
	"fmt"
	"slices"
)

// Severity is how bad a finding is.
type Severity string

// The severities, from the least to the worst. Unknown is a fact that could not be
// gathered. A Warning restarts containers or takes the way back, an Error also keeps
// the new kubelet from working.
const (
	OK      Severity = "ok"
	Unknown Severity = "unknown"
	Warning Severity = "warning"
	Error   Severity = "error"
)

// Severities lists them from the least to the worst.
func Severities() []Severity { return []Severity{OK, Unknown, Warning, Error} }

// AtLeast reports whether s is as bad as other, or worse.
func (s Severity) AtLeast(other Severity) bool {
	return slices.Index(Severities(), s) >= slices.Index(Severities(), other)
}

// Finding is what a check found.
type Finding struct {
	// Check is the name of the check, "cgroup-driver".
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	// Summary is one sentence without a full stop.
	Summary string `json:"summary"`
	// Remedy says what to do. One that is OK needs none.
	Remedy string `json:"remedy,omitempty"`
}

// Worst returns the worst severity there is among findings.
func Worst(findings []Finding) Severity {
	worst := OK
	for _, finding := range findings {
		if finding.Severity.AtLeast(worst) {
			worst = finding.Severity
		}
	}
	return worst
}

// check is one question about a node.
type check struct {
	name string
	ask  func(Facts) []Finding
	// What the answer hangs on: which kubelet is meant, and which version comes.
	ofKubelet, ofTarget bool
}

func checks() []check {
	return []check{
		{"kubelet", kubelet, false, false}, {"versions", versions, false, false},
		{"flags", flags, true, true}, {"feature-gates", featureGates, true, true}, {"unit", unit, false, false},
		{"way-back", wayBack, true, false}, {"package", ofPackage, true, false},
		{"runtime", containerRuntime, false, true}, {"cgroup-driver", cgroupDriver, true, true}, {"cgroup-version", cgroupVersion, true, true},
		{"pod-cgroups", podCgroups, true, true},
		{"sandboxes", sandboxes, false, false}, {"static-pods", staticPods, true, false},
		{"refused-static-pods", refusedStaticPods, true, true},
		{"resize-policy", resizePolicy, false, true}, {"sidecars", sidecars, false, true}, {"devices", devices, false, false},
		{"cpu-manager", cpuManager, true, false}, {"memory-manager", memoryManager, true, false},
		{"state-file", stateFile, false, false}, {"state-folder", stateFolder, false, false},
		{"certificates", certificates, true, false}, {"kubeconfig", kubeconfig, true, false}, {"iptables", iptables, false, false},
	}
}

// Diagnose judges the facts. The findings are in the order of the checks, which is
// always the same.
func Diagnose(facts Facts) []Finding {
	var findings []Finding
	for _, check := range checks() {
		for _, finding := range check.judge(facts) {
			finding.Check = check.name
			findings = append(findings, finding)
		}
	}
	return findings
}

// judge asks, and believes nothing good that hangs on what isn't known.
func (c check) judge(facts Facts) []Finding {
	findings := c.ask(facts)
	switch {
	case Worst(findings) != OK:
		return findings
	case c.ofKubelet && (facts.Kubelet.Err != nil || facts.Kubelet.Program == ""):
		return found(Unknown, "see the finding of the kubelet", "which kubelet is meant is not known")
	case c.ofTarget && !facts.target().Known():
		return found(Unknown, "pass --to with the version that comes", "which version comes is not known")
	}
	return findings
}

func ok(format string, args ...any) []Finding {
	return []Finding{{Severity: OK, Summary: fmt.Sprintf(format, args...)}}
}

// found is one finding that is not OK.
func found(severity Severity, remedy, format string, args ...any) []Finding {
	return []Finding{{Severity: severity, Summary: fmt.Sprintf(format, args...), Remedy: remedy}}
}

// unknown is the finding for a fact that could not be gathered.
func unknown(what string, err error, remedy string) []Finding {
	return found(Unknown, remedy, "%s is not known: %v", what, err)
}
