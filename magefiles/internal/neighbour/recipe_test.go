package neighbour

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
)

// A release that is not to be had is named, with the go command's reason, and leaves no tree.
func TestNoSuchRelease(t *testing.T) {
	tree := filepath.Join(t.TempDir(), "tree")
	g := gocommand.Go{Toolchain: runtime.Version(), Environment: append(os.Environ(), "GOPROXY=off", "GOMODCACHE="+t.TempDir(), "GOFLAGS=-modcacherw")}
	err := Recipe{}.layOut(t.Context(), g, "example.org/none@v1.2.3", tree)
	if err == nil || !strings.Contains(err.Error(), "example.org/none@v1.2.3 can't be had now: ") || !strings.Contains(err.Error(), "GOPROXY=off") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(tree); !os.IsNotExist(err) {
		t.Errorf("there is a tree: %v", err)
	}
}

func TestRecipes(t *testing.T) {
	if names := Names(); !slices.Equal(names, []string{"containerd", "crictl", "docker-cli", "dockerd", "runc"}) {
		t.Errorf("there are recipes of %v", names)
	}
	for _, name := range Names() {
		recipe, err := Load(name)
		if err != nil || recipe.Name != name {
			t.Errorf("%s: %+v, %v", name, recipe, err)
		}
		if args := recipe.arguments("m", "v1.2.3", "out"); !slices.Contains(args, "-gcflags=all=-N -l") || args[len(args)-1] != recipe.Package {
			t.Errorf("%s is built with %q", name, args)
		}
	}
	if _, err := Load("../runc"); err == nil || !strings.Contains(err.Error(), "want one of containerd") {
		t.Errorf("got %v", err)
	}
}

func TestModuleAt(t *testing.T) {
	recipe := Recipe{Module: "example.org/program", Majors: []int{2}}
	for version, want := range map[string]string{
		"v1.2.3":  "example.org/program v1.2.3",
		"v0.2.3":  "example.org/program v0.2.3",
		"v2.0.1":  "example.org/program/v2 v2.0.1",
		"v28.0.1": "example.org/program v28.0.1+incompatible",
		"1.2.3":   "", "v1.2": "", "latest": "", "": "",
	} {
		path, at, err := recipe.ModuleAt(version)
		if got := path + " " + at; (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%q: got %q, %v, want %q", version, got, err, want)
		}
	}
}

func TestArguments(t *testing.T) {
	recipe := Recipe{Package: "./cmd/p", Tags: []string{"a", "b"}, LinkerFlags: []string{"-X=MODULE/version.Version=VERSION", "-X=main.x=y"}}
	got := strings.Join(recipe.arguments("example.org/p/v2", "v2.1.0", "/out/p"), "|")
	want := "build|-o|/out/p|-gcflags=all=-N -l|-buildvcs=false|-mod=readonly|-tags=a,b|-ldflags=-X=example.org/p/v2/version.Version=2.1.0 -X=main.x=y|./cmd/p"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What a recipe must not do.
func TestParseRefuses(t *testing.T) {
	const good = "module: example.org/p\npackage: ./cmd/p\nprogram: p\n"
	if _, err := Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"an unknown key":   good + "shell: rm\n",
		"no module":        "package: .\nprogram: p\n",
		"a package beside": "module: example.org/p\npackage: ./../p\nprogram: p\n",
		"another package":  "module: example.org/p\npackage: example.org/q\nprogram: p\n",
		"a flag":           "module: example.org/p\npackage: -toolexec=x\nprogram: p\n",
		"a path":           "module: example.org/p\npackage: .\nprogram: ../p\n",
		"a flag as a tag":  good + "tags: [-x]\n",
		"two tags in one":  good + "tags: ['a -x']\n",
		"a linker's flag":  good + "linkerFlags: [-extld=x]\n",
		"two in one":       good + "linkerFlags: ['-X=a.b=c -extld=x']\n",
		"a go.mod beside":  good + "goMod: ../go.mod\n",
		"no YAML":          "\t",
		"nothing":          "",
	} {
		if recipe, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s is taken: %+v", name, recipe)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range Names() {
		data, err := recipes.ReadFile("recipes/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		recipe, err := Parse(data)
		if err != nil {
			return
		}
		for _, argument := range recipe.arguments(recipe.Module, "v1.2.3", "out")[2:] {
			if !strings.HasPrefix(argument, "-") && argument != "out" && argument != recipe.Package {
				t.Errorf("the go command gets %q", argument)
			}
		}
	})
}

// Before anything is fetched.
func TestCheck(t *testing.T) {
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	recipe := Recipe{Name: "p", Module: "example.org/p", CGO: true}
	for options, says := range map[Options]string{
		{Version: "v1.2.3", Arch: runtime.GOARCH}: "",
		{Version: "v1.2.3", Arch: other}:          "needs a C compiler",
		{Version: "v1.2.3", Arch: "riscv64"}:      "is not supported",
		{Version: "v1.2.3"}:                       "is not supported",
		{Version: "1.2.3", Arch: runtime.GOARCH}:  "want one like v1.2.3",
	} {
		if err := recipe.Check(options); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: got %v, want %q", options, err, says)
		}
	}
}
