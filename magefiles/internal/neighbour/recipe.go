// Package neighbour builds programs that run beside a kubelet, for a debugger: nothing is
// optimised or inlined, and symbols and DWARF stay in the binary.
//
// How a program is built is data: a recipe, one file each in the folder recipes. It comes
// as a Go module, which the checksum database vouches for.
package neighbour

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

//go:embed recipes/*.yaml
var recipes embed.FS

// Recipe says how a program is built.
type Recipe struct {
	// Name is that of the recipe.
	Name string `yaml:"-"`
	// Module is the path of its module, without a major version; Majors are those from 2 on
	// whose path ends with it.
	Module string `yaml:"module"`
	Majors []int  `yaml:"majors"`
	// GoMod is the file that is used as go.mod, with the .sum beside it as go.sum, where the
	// module has none of its own.
	GoMod string `yaml:"goMod"`
	// Package is the main package, relative to the module; Program is the binary's name.
	Package string `yaml:"package"`
	Program string `yaml:"program"`
	// Tags are build tags; CGO says that the program needs C.
	Tags []string `yaml:"tags"`
	CGO  bool     `yaml:"cgo"`
	// LinkerFlags have VERSION and MODULE where those of the build come.
	LinkerFlags []string `yaml:"linkerFlags"`
}

// Names lists the recipes.
func Names() []string {
	files, _ := fs.Glob(recipes, "recipes/*.yaml") // the pattern is right
	for i, file := range files {
		files[i] = strings.TrimSuffix(path.Base(file), ".yaml")
	}
	return files
}

// Load returns the recipe of a name. The error names those that there are.
func Load(name string) (Recipe, error) {
	if !slices.Contains(Names(), name) {
		return Recipe{}, fmt.Errorf("component %q has no recipe: want one of %s", name, strings.Join(Names(), ", "))
	}
	data, err := recipes.ReadFile("recipes/" + name + ".yaml")
	if err != nil {
		return Recipe{}, err
	}
	recipe, err := Parse(data)
	if err != nil {
		return Recipe{}, fmt.Errorf("reading the recipe of %s: %w", name, err)
	}
	recipe.Name = name
	return recipe, nil
}

var (
	word    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	linking = regexp.MustCompile(`^-X=[A-Za-z0-9._/-]+=[A-Za-z0-9._+-]*$`)
)

// Parse reads a recipe. What it does not know is an error, and so is what would leave the
// module or slip another flag into the go command.
func Parse(data []byte) (Recipe, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	var r Recipe
	if err := decoder.Decode(&r); err != nil {
		return Recipe{}, err
	}
	var failures []error
	fail := func(format string, args ...any) { failures = append(failures, fmt.Errorf(format, args...)) }
	if err := module.CheckPath(r.Module); err != nil {
		fail("module: %w", err)
	}
	if r.Package != "." && (!strings.HasPrefix(r.Package, "./") || !fs.ValidPath(r.Package[2:])) {
		fail("package %q: want . or ./FOLDER", r.Package)
	}
	if !word.MatchString(r.Program) {
		fail("program %q: want the name of a file", r.Program)
	}
	if r.GoMod != "" && (!word.MatchString(r.GoMod) || path.Ext(r.GoMod) != ".mod") {
		fail("goMod %q: want a name like vendor.mod", r.GoMod)
	}
	for _, tag := range r.Tags {
		if !word.MatchString(tag) {
			fail("tag %q: want a word", tag)
		}
	}
	for _, flag := range r.LinkerFlags {
		if !linking.MatchString(flag) {
			fail("linker flag %q: want -X=VARIABLE=VALUE", flag)
		}
	}
	return r, errors.Join(failures...)
}

// ModuleAt returns the path of the module that has a version, and what the go command
// calls that version.
func (r Recipe) ModuleAt(version string) (modulePath, moduleVersion string, err error) {
	if !semver.IsValid(version) || semver.Canonical(version) != version {
		return "", "", fmt.Errorf("version %q: want one like v1.2.3", version)
	}
	major := semver.Major(version)
	switch {
	case major == "v0" || major == "v1":
		return r.Module, version, nil
	case slices.ContainsFunc(r.Majors, func(n int) bool { return major == fmt.Sprint("v", n) }):
		return r.Module + "/" + major, version, nil
	}
	return r.Module, version + "+incompatible", nil
}

// arguments returns those of the go build.
func (r Recipe) arguments(modulePath, version, out string) []string {
	fill := strings.NewReplacer("VERSION", strings.TrimPrefix(version, "v"), "MODULE", modulePath)
	args := []string{"build", "-o", out, "-gcflags=all=-N -l", "-buildvcs=false", "-mod=readonly"}
	if len(r.Tags) > 0 {
		args = append(args, "-tags="+strings.Join(r.Tags, ","))
	}
	if len(r.LinkerFlags) > 0 {
		args = append(args, "-ldflags="+fill.Replace(strings.Join(r.LinkerFlags, " ")))
	}
	return append(args, r.Package)
}
