package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/modfile"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

const lockedSums = `k8s.io/kubernetes v1.36.3 h1:root=
k8s.io/api v0.36.3 h1:api=
k8s.io/api v0.36.3/go.mod h1:apimod=
`

var v1363 = kubever.Version{Major: 1, Minor: 36, Patch: 3}

func readFixture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "buildmodule", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The build module repeats what the release requires, to the version; a staging
// module without a locked sum is left out.
func TestNewBuildModule(t *testing.T) {
	module, err := newBuildModule(readFixture(t, "upstream.mod"), []byte("example.org/library v1.2.3 h1:lib=\n"), v1363, lockedSums)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(requirements(t, readFixture(t, "want.mod")), requirements(t, module.GoMod)); diff != "" {
		t.Errorf("go.mod (-want +got):\n%s\nas text:\n%s", diff, module.GoMod)
	}
	if got, want := string(module.GoSum), "example.org/library v1.2.3 h1:lib=\n"+lockedSums; got != want {
		t.Errorf("go.sum is %q, want %q", got, want)
	}
	for _, path := range mainPackages {
		if !strings.Contains(string(module.Source), path) {
			t.Errorf("the source does not import %s", path)
		}
	}
}

// requirements lists every statement of a go.mod, whatever its layout.
func requirements(t *testing.T, goMod []byte) []string {
	t.Helper()
	file, err := modfile.Parse("go.mod", goMod, nil)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	var walk func(expressions []modfile.Expr, block string)
	walk = func(expressions []modfile.Expr, block string) {
		for _, expression := range expressions {
			switch e := expression.(type) {
			case *modfile.Line:
				suffix := ""
				for _, comment := range e.Suffix {
					suffix += " " + comment.Token
				}
				lines = append(lines, strings.TrimSpace(block+" "+strings.Join(e.Token, " "))+suffix)
			case *modfile.LineBlock:
				inner := make([]modfile.Expr, len(e.Line))
				for i, line := range e.Line {
					inner[i] = line
				}
				walk(inner, strings.Join(e.Token, " "))
			}
		}
	}
	walk(file.Syntax.Stmt, "")
	return lines
}

func TestNewBuildModuleRefusesAnotherModule(t *testing.T) {
	for name, text := range map[string]string{
		"another module": "module example.org/x\n\ngo 1.26\n",
		"not a go.mod":   "<html>",
		"empty":          "",
	} {
		if _, err := newBuildModule([]byte(text), nil, v1363, lockedSums); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestRequiredStagingLeavesOutSamples(t *testing.T) {
	got, err := requiredStaging(readFixture(t, "upstream.mod"))
	if diff := cmp.Diff([]string{"k8s.io/api", "k8s.io/sample-apiserver"}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func FuzzNewBuildModule(f *testing.F) {
	data, err := os.ReadFile(filepath.Join("testdata", "buildmodule", "upstream.mod"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, goMod []byte) {
		module, err := newBuildModule(goMod, nil, v1363, lockedSums)
		if err != nil {
			return
		}
		if _, err := modfile.Parse("go.mod", module.GoMod, nil); err != nil {
			t.Errorf("the generated go.mod can't be read: %v\n%s", err, module.GoMod)
		}
	})
}
