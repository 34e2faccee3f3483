package pipeline_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/debugkit"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
)

// Whatever the layout and the mode, each source that the DWARF names is found in a copy of
// the tree elsewhere, and in the toolchain.
func TestIDEFindsEverySource(t *testing.T) {
	root, kubernetes := repository(t)
	for component, tree := range map[string]string{"kubelet": kubernetes, "edgecore": edge(t, kubernetes)} {
		for _, mode := range []build.Mode{build.Debug, build.Release} {
			t.Run(component+" "+string(mode), func(t *testing.T) {
				elsewhere := filepath.Join(t.TempDir(), "mine")
				if err := os.CopyFS(elsewhere, os.DirFS(tree)); err != nil {
					t.Fatal(err)
				}
				goroot := toolchainRoot(t)
				dir := writeIDE(t, root, pipeline.IDEOptions{
					Source: pipeline.SourceOptions{Version: "v1.36.3", Kind: "dir", Location: tree},
					Patch:  pipeline.PatchOptions{Series: pipeline.StockSeries},
					Build:  build.Options{Component: component, Mode: mode, Arch: runtime.GOARCH},
					Tree:   elsewhere, GOROOT: goroot, Port: 4000,
				})
				binary := filepath.Join(filepath.Dir(dir), component)
				if mode == build.Release {
					binary += ".debug"
				}
				names, err := debugkit.SourceFiles(binary)
				if err != nil || len(names) < 100 {
					t.Fatalf("%d sources, %v", len(names), err)
				}
				rules := substituted(t, filepath.Join(dir, "launch.json"))
				inTree := 0
				for _, name := range names {
					file := debugkit.Resolve(rules, name)
					if _, err := os.Stat(file); err != nil {
						t.Errorf("%s is looked for at %s", name, file)
					}
					if strings.HasPrefix(file, elsewhere) {
						inTree++
					}
				}
				if inTree != 3 {
					t.Errorf("%d sources are found in the tree, want its three", inTree)
				}
			})
		}
	}
}

// toolchainRoot is that of the toolchain that compiles: the repository of the tests names
// the one that they run with.
func toolchainRoot(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func writeIDE(t *testing.T, root string, options pipeline.IDEOptions) string {
	t.Helper()
	p, err := pipeline.Open(config(root))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := p.IDE(t.Context(), options)
	if err = errors.Join(err, p.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// substituted reads the rules of a launch.json, which has them the other way round.
func substituted(t *testing.T, path string) []debugkit.Rule {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var launch struct {
		Configurations []struct {
			SubstitutePath []debugkit.Rule `json:"substitutePath"`
		} `json:"configurations"`
	}
	if err := json.Unmarshal(data, &launch); err != nil || len(launch.Configurations) != 1 {
		t.Fatalf("%v: %s", err, data)
	}
	var rules []debugkit.Rule
	for _, rule := range launch.Configurations[0].SubstitutePath {
		rules = append(rules, debugkit.Rule{From: rule.To, To: rule.From})
	}
	return rules
}
