package testrun

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/steadylet/steadylet/internal/programtest"
)

// workflow has what is held against the rules below.
type workflow struct {
	On          yaml.Node         `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Jobs        map[string]struct {
		Permissions map[string]string `yaml:"permissions"`
		Environment yaml.Node         `yaml:"environment"`
		Timeout     int               `yaml:"timeout-minutes"`
		Steps       []struct {
			Uses string            `yaml:"uses"`
			Run  string            `yaml:"run"`
			Env  map[string]string `yaml:"env"`
			With map[string]string `yaml:"with"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
}

// readWorkflows reads every pipeline of the repository, by file name.
func readWorkflows(t *testing.T) map[string]workflow {
	t.Helper()
	names, err := filepath.Glob("../../../.github/workflows/*.yml")
	if err != nil || len(names) == 0 {
		t.Fatalf("there are no workflows: %v", err)
	}
	found := map[string]workflow{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var read workflow
		if err := yaml.Unmarshal(data, &read); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		found[name] = read
	}
	return found
}

func TestWorkflowsAreLinted(t *testing.T) {
	programtest.Needs(t, "shellcheck", "shellcheck")
	args := []string{"tool", "actionlint", "-no-color"}
	for name := range readWorkflows(t) {
		args = append(args, name)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// pinned is an action by commit, with the release that the commit is.
var pinned = regexp.MustCompile(`^\s*(- )?uses: [\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)

// Actions are named by commit: whoever moves a tag can't change what runs here.
func TestActionsArePinned(t *testing.T) {
	for name := range readWorkflows(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimRight(line, "\n"); strings.Contains(line, "uses:") && !pinned.MatchString(line) {
				t.Errorf("%s: %q does not name a commit and its release", name, line)
			}
		}
	}
}

// A job has the rights that it names and no others, ends by itself, and leaves no
// token where what it runs could read it.
func TestWorkflowsHaveFewRights(t *testing.T) {
	for name, read := range readWorkflows(t) {
		if read.Permissions == nil || len(read.Permissions) > 0 {
			t.Errorf("%s: want `permissions: {}`, so that each job names its own", name)
		}
		if on := read.On; strings.Contains(marshal(t, &on), "pull_request_target") {
			t.Errorf("%s runs with rights on what a stranger wrote", name)
		}
		for job, described := range read.Jobs {
			if described.Timeout == 0 {
				t.Errorf("%s: %s has no timeout-minutes", name, job)
			}
			for _, step := range described.Steps {
				if described.Permissions["contents"] == "write" && strings.Contains(step.Run+step.Uses, "mage") {
					t.Errorf("%s: %s builds, and may write to the repository", name, job)
				}
				if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != "false" {
					t.Errorf("%s: %s leaves its token in the checkout", name, job)
				}
				if strings.Contains(step.Run, "${{") {
					t.Errorf("%s: %s puts an expression into a script: pass it in env", name, job)
				}
			}
		}
	}
}

// What a job builds runs in it: no key may be where that could read it.
func TestKeysAreNotWhereThingsAreBuilt(t *testing.T) {
	keys := 0
	for name, read := range readWorkflows(t) {
		for job, described := range read.Jobs {
			builds, secret := false, !described.Environment.IsZero()
			for _, step := range described.Steps {
				builds = builds || strings.Contains(step.Run+step.Uses, "mage") || strings.Contains(step.Uses, "checkout")
				for _, value := range step.Env {
					secret = secret || strings.Contains(value, "secrets.")
				}
			}
			if secret {
				keys++
			}
			if builds && secret {
				t.Errorf("%s: %s builds, and has a secret", name, job)
			}
		}
	}
	if keys == 0 {
		t.Error("no job has a secret: is the release signed?")
	}
}

func marshal(t *testing.T, node *yaml.Node) string {
	t.Helper()
	data, err := yaml.Marshal(node)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
