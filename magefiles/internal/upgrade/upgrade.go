package upgrade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/steadylet/steadylet/internal/kubeletbin"
	"github.com/steadylet/steadylet/internal/kubeletversion"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// Kubelet is a kubelet that can run.
type Kubelet struct {
	// Path is the binary's, Version the release it was made from.
	Path    string
	Version kubever.Version
	// Patched says that it was built with the series.
	Patched bool
	// series is the digest that a patched one's version ends with. Run fills it in.
	series string
}

func (k Kubelet) kind() string {
	if k.Patched {
		return "patched"
	}
	return "stock"
}

// String returns for example "v1.31.0 (patched)".
func (k Kubelet) String() string { return fmt.Sprintf("%s (%s)", k.Version, k.kind()) }

// check asks the binary for its version, and refuses one that is not what it is said to
// be: a stock kubelet that passes for a patched one would make every figure wrong. It
// returns the digest of the series that a patched one names.
func (k Kubelet) check(ctx context.Context) (series string, err error) {
	says, err := kubeletbin.Version(ctx, k.Path)
	if err != nil {
		return "", err
	}
	if kubeletversion.Release(says) != k.Version.String() || kubeletversion.Patched(says) != k.Patched {
		return "", fmt.Errorf("%s says that it is %s, and it should be %s", k.Path, says, k)
	}
	return kubeletversion.Series(says), nil
}

// Options say what is upgraded to what.
type Options struct {
	From, To Kubelet
	// Via runs in between, in scenarios that want it.
	Via Kubelet
	// APIServer is the path of kube-apiserver 1.31.
	APIServer string
	// Logs is a folder where the logs of a run that fails are kept, each in a
	// folder of its own. Keep keeps those of every run.
	Logs string
	Keep bool
	// Say takes lines about what goes on.
	Say func(format string, args ...any)
}

// Result is what a run showed.
type Result struct {
	Scenario Scenario
	// Path lists the kubelets in the order in which they ran.
	Path []Kubelet
	Rows []Row
	// Notes say what else was counted.
	Notes []string
	// Unproven says why the run does not show what the scenario is about, or is nil.
	Unproven error
	// Duration is how long the run took, without the wait for others.
	Duration time.Duration
	// Logs is where the logs were kept, or nothing.
	Logs string
}

// Control reports whether the run was one of stock kubelets only.
func (r *Result) Control() bool {
	for _, kubelet := range r.Path {
		if kubelet.Patched {
			return false
		}
	}
	return true
}

// Replaced counts the containers that were replaced.
func (r *Result) Replaced() int {
	count := 0
	for _, row := range r.Rows {
		if row.Replaced() > 0 {
			count++
		}
	}
	return count
}

// Check reports every deviation from what was expected, or nil. A control that shows no
// restart is one too.
func (r *Result) Check() error {
	var failures []error
	for _, row := range r.Rows {
		if deviation := row.Deviation(); deviation != "" {
			failures = append(failures, fmt.Errorf("%s, scenario %s: container %s %s", r.title(), r.Scenario.Name, row.Container, deviation))
		}
		if difference := row.difference(); difference != "" {
			failures = append(failures, fmt.Errorf("%s, scenario %s: container %s was %s, and %s", r.title(), r.Scenario.Name, row.Container, row.Outcome(), difference))
		}
	}
	if r.Unproven != nil {
		failures = append(failures, fmt.Errorf("%s, scenario %s: %w", r.title(), r.Scenario.Name, r.Unproven))
	}
	if r.Control() && r.Replaced() == 0 {
		failures = append(failures, fmt.Errorf("%s, scenario %s: the control replaced nothing, so the rig proves nothing", r.title(), r.Scenario.Name))
	}
	return errors.Join(failures...)
}

func (r *Result) title() string {
	var names []string
	for _, kubelet := range r.Path {
		names = append(names, kubelet.String())
	}
	return strings.Join(names, " -> ")
}

// Run runs one scenario on a cluster of its own, and cleans up. An error means that the
// run itself failed; what a run showed is for Check to judge. What the host must have
// is what testnode.StartNode and etcd want.
func Run(ctx context.Context, options Options, scenario Scenario) (result *Result, err error) {
	if err := scenario.Check(options); err != nil {
		return nil, err
	}
	if err := Require(); err != nil {
		return nil, err
	}
	path := scenario.kubelets(options)
	for i := range path {
		if path[i].series, err = path[i].check(ctx); err != nil {
			return nil, err
		}
	}
	result = &Result{Scenario: scenario, Path: path}
	options.Say("%s, scenario %s: %s", result.title(), scenario.Name, scenario.Summary)
	pods, knowing := scenario.pods(options)
	cluster, err := startCluster(ctx, options.APIServer, pods, gatesFor(knowing))
	if err != nil {
		return nil, err
	}
	began := time.Now() // other runs on this host are over
	r := newRun(options, scenario, cluster)
	result.Rows, err = r.rows(ctx)
	if err == nil {
		result.Unproven = errors.Join(r.prove(ctx), r.proveVerdicts(ctx), r.proveImages(ctx), r.proveMirrors(ctx))
	}
	result.Notes = r.notes
	result.Duration = time.Since(began)
	if err != nil || options.Keep || result.Check() != nil {
		var keepErr error
		if result.Logs, keepErr = r.keepLogs(); keepErr == nil {
			options.Say("logs: %s", result.Logs)
		}
		err = errors.Join(err, keepErr)
	}
	return result, errors.Join(err, cluster.stop(ctx))
}

// keepLogs copies the programs' logs, and the state folder.
func (r *run) keepLogs() (string, error) {
	from := r.cluster.node.Dir()
	if err := os.MkdirAll(r.options.Logs, 0o700); err != nil {
		return "", fmt.Errorf("keeping the logs: %w", err)
	}
	to, err := os.MkdirTemp(r.options.Logs, time.Now().UTC().Format("20060102T150405-")+r.scenario.Name+"-")
	if err != nil {
		return "", fmt.Errorf("keeping the logs: %w", err)
	}
	entries, err := os.ReadDir(from)
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".log") {
			err = errors.Join(err, copyFile(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())))
		}
	}
	state := filepath.Dir(r.stateFile())
	if _, statErr := os.Stat(state); statErr == nil {
		err = errors.Join(err, os.CopyFS(filepath.Join(to, "state"), os.DirFS(state)))
	}
	if err != nil {
		return to, fmt.Errorf("keeping the logs: %w", err)
	}
	return to, nil
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}
