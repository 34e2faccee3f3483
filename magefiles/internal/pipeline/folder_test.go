package pipeline_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/manifest"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=test", "-c", "user.email=test@localhost"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// edit replaces a text in a file.
func edit(t *testing.T, path, from, to string) {
	t.Helper()
	text := read(t, path)
	if !strings.Contains(text, from) {
		t.Fatalf("%s does not have %q", path, from)
	}
	writeFile(t, path, []byte(strings.Replace(text, from, to, 1)))
}

// An edit of the folder is in the next binary, and in what an IDE is configured for.
func TestEditedFolder(t *testing.T) {
	root, kubernetes := repository(t)
	for component, test := range map[string]struct{ dir, main string }{
		"kubelet":  {kubernetes, "cmd/kubelet/main.go"},
		"edgecore": {edge(t, kubernetes), "edge/cmd/edgecore/main.go"},
	} {
		t.Run(component, func(t *testing.T) {
			options := build.Options{Component: component, Mode: build.Debug, Arch: runtime.GOARCH}
			mustRun(t, root, test.dir, pipeline.DefaultSeries, options)
			edit(t, filepath.Join(test.dir, test.main), `"Kubernetes"`, `"Edited once"`)
			if built := mustRun(t, root, test.dir, pipeline.DefaultSeries, options); !strings.HasPrefix(says(t, built.Path), "Edited once ") {
				t.Errorf("it says %q", says(t, built.Path))
			}
			edit(t, filepath.Join(test.dir, test.main), `"Edited once"`, `"Edited twice"`)
			ide := writeIDE(t, root, pipeline.IDEOptions{
				Source: pipeline.SourceOptions{Version: "v1.36.3", Kind: "dir", Location: test.dir},
				Patch:  pipeline.PatchOptions{Series: pipeline.DefaultSeries}, Build: options, Port: 4000,
			})
			if got := says(t, filepath.Join(filepath.Dir(ide), component)); !strings.HasPrefix(got, "Edited twice ") {
				t.Errorf("what the IDE is configured for says %q", got)
			}
		})
	}
}

// buildFrom builds the kubelet of a source, and returns its manifest and what the target
// source prints.
func buildFrom(t *testing.T, root string, from pipeline.SourceOptions) (described manifest.Manifest, printed string, err error) {
	t.Helper()
	var out bytes.Buffer
	told := config(root)
	told.Results = &out
	p, err := pipeline.Open(told)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	tree, err := p.Source(t.Context(), from)
	if err != nil {
		return described, "", err
	}
	p.PrintSource(tree)
	patched, err := p.Patch(t.Context(), tree, pipeline.PatchOptions{Series: pipeline.DefaultSeries})
	if err != nil {
		return described, "", err
	}
	built, err := p.Build(t.Context(), patched, debug)
	if err != nil {
		return described, "", err
	}
	described, err = manifest.Read(built.ManifestPath)
	return described, out.String(), err
}

// verifiedLines are those that say what was verified.
func verifiedLines(printed string) []string {
	var lines []string
	for line := range strings.Lines(printed) {
		if strings.HasPrefix(line, "verified") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// Of a folder nothing is called verified but the commit that a person named, and the
// manifest is of the folder and the commit that was built last, also where the binary is
// the same.
func TestManifestOfAFolder(t *testing.T) {
	root, kubernetes := repository(t)
	gitIn(t, kubernetes, "init", "-q")
	gitIn(t, kubernetes, "add", "-A", "-f")
	gitIn(t, kubernetes, "commit", "-q", "-m", "first")
	first := gitIn(t, kubernetes, "rev-parse", "HEAD")
	other := filepath.Join(filepath.Dir(kubernetes), "other")
	gitIn(t, root, "clone", "-q", kubernetes, other)
	gitIn(t, other, "commit", "-q", "--allow-empty", "-m", "second")
	second := gitIn(t, other, "rev-parse", "HEAD")
	no := []string{"verified  no"}
	for _, step := range []struct {
		name   string
		from   pipeline.SourceOptions
		commit string
		says   []string
	}{
		{"a checkout", pipeline.SourceOptions{Location: kubernetes}, first, no},
		{"the same files elsewhere", pipeline.SourceOptions{Location: other}, second, no},
		{"back", pipeline.SourceOptions{Location: kubernetes}, first, no},
		{"with what is not committed", pipeline.SourceOptions{Location: kubernetes, AllowDirty: true}, "", no},
		{"a named commit", pipeline.SourceOptions{Location: other, Commit: second}, second, []string{
			"verified  the checkout is at the commit ID given on the command line, and every file that was copied is as in that commit",
		}},
	} {
		t.Run(step.name, func(t *testing.T) {
			step.from.Version, step.from.Kind = "v1.36.3", "dir"
			described, printed, err := buildFrom(t, root, step.from)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(step.says, verifiedLines(printed)); diff != "" {
				t.Errorf("it prints (-want +got):\n%s", diff)
			}
			got := described.Base.Source
			if got.Location != step.from.Location || got.Commit != step.commit || got.Verified != (step.from.Commit != "") {
				t.Errorf("the manifest has %+v, want commit %s of %s", got, step.commit, step.from.Location)
			}
		})
	}
	edit(t, filepath.Join(kubernetes, "cmd/kubelet/main.go"), "Kubernetes", "Edited")
	for _, commit := range []string{"", first} {
		_, _, err := buildFrom(t, root, pipeline.SourceOptions{Version: "v1.36.3", Kind: "dir", Location: kubernetes, Commit: commit})
		if !errors.Is(err, source.ErrDirty) || strings.Contains(err.Error(), "-allowDirty") != (commit == "") {
			t.Errorf("with -commit=%s an edit gives %v", commit, err)
		}
	}
}

// A part that was compared is not called verified, where the whole is not.
func TestComparedPart(t *testing.T) {
	root, kubernetes := repository(t)
	only := filepath.Join(t.TempDir(), "only", "kubernetes")
	if err := os.CopyFS(only, os.DirFS(kubernetes)); err != nil {
		t.Fatal(err)
	}
	sum, err := patchArchive(t, root, archived(t, only))
	if err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(root, "patches", "kubernetes.lock.yaml"), "h1:unknown=", sum)
	var out bytes.Buffer
	told := config(root)
	told.Results = &out
	p, err := pipeline.Open(told)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	tree, err := p.Source(t.Context(), pipeline.SourceOptions{Version: "v1.36.3", Kind: "dir", Location: kubernetes})
	if err != nil {
		t.Fatal(err)
	}
	p.PrintSource(tree)
	if diff := cmp.Diff([]string{"verified  no"}, verifiedLines(out.String())); diff != "" {
		t.Errorf("it prints (-want +got):\n%s", diff)
	}
	if !strings.Contains(out.String(), "\ncompared  the root module k8s.io/kubernetes (all but ") {
		t.Errorf("it prints %s", out.String())
	}
}
