package impact

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// loader type-checks packages of a tree, each when it is first imported.
//
// Packages that are not the tree's, the standard library too, are opaque: each name
// that is used of them is a type without fields. Generated files are left out, since
// they declare no types; the names that are missing for it are errors of the type
// checker, which are ignored. A type that could not be resolved is found out by walk.
type loader struct {
	tree     Tree
	fset     *token.FileSet
	packages map[string]*types.Package
	opaque   map[string]bool
}

func newLoader(tree Tree) *loader {
	return &loader{tree: tree, fset: token.NewFileSet(), packages: map[string]*types.Package{"unsafe": types.Unsafe}, opaque: map[string]bool{}}
}

// errNoPackage says that the tree lacks a package.
var errNoPackage = errors.New("the tree does not have the package")

// Import implements types.Importer. It never fails: what can't be had is opaque.
func (l *loader) Import(importPath string) (*types.Package, error) {
	if known := l.packages[importPath]; known != nil {
		return known, nil
	}
	if l.real(importPath) {
		// An import that leads back here gets the opaque package.
		l.packages[importPath] = opaque(importPath)
		if loaded, err := l.load(importPath); err == nil {
			return loaded, nil
		}
	}
	l.packages[importPath], l.opaque[importPath] = opaque(importPath), true
	return l.packages[importPath], nil
}

// real reports whether the types of a package matter. (Of the root module it is the
// internal types only: the rest reaches far.)
func (l *loader) real(importPath string) bool {
	_, known := l.tree.Dir(importPath)
	if !known {
		return false
	}
	return importPath == internalTypes || !strings.HasPrefix(importPath, rootModule+"/")
}

// load type-checks the declarations of a package, without the bodies of functions.
func (l *loader) load(importPath string) (*types.Package, error) {
	dir, _ := l.tree.Dir(importPath)
	files, err := l.parse(dir, wantedFile, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	config := l.config()
	config.IgnoreFuncBodies = true
	l.declareOpaque(files)
	checked, _ := config.Check(importPath, l.fset, files, nil)
	l.packages[importPath] = checked
	return checked, nil
}

func (l *loader) config() types.Config {
	return types.Config{Importer: l, FakeImportC: true, Error: func(error) {}}
}

// wantedFile leaves out tests, and generated files.
func wantedFile(name string) bool {
	for _, prefix := range []string{"zz_generated", "generated"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
}

// parse parses the files of a folder that are wanted and that Linux builds.
func (l *loader) parse(dir string, wanted func(name string) bool, mode parser.Mode) ([]*ast.File, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is missing", errNoPackage, dir)
	}
	if err != nil {
		return nil, err
	}
	linux := build.Default
	linux.GOOS = "linux"
	var files []*ast.File
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !wanted(entry.Name()) {
			continue
		}
		if built, err := linux.MatchFile(dir, entry.Name()); err != nil || !built {
			continue
		}
		file, err := parser.ParseFile(l.fset, filepath.Join(dir, entry.Name()), nil, mode)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: %s has no source", errNoPackage, dir)
	}
	return files, nil
}

// opaque returns a package without names, called as its path suggests.
func opaque(importPath string) *types.Package {
	name := path.Base(importPath)
	if majorVersion.MatchString(name) {
		name = path.Base(path.Dir(importPath))
	}
	name = dotVersion.ReplaceAllString(name, "")
	made := types.NewPackage(importPath, name)
	made.MarkComplete()
	return made
}

var (
	majorVersion = regexp.MustCompile(`^v[0-9]+$`)
	dotVersion   = regexp.MustCompile(`\.v[0-9]+$`) // gopkg.in/inf.v0
)

// declareOpaque gives the opaque packages the names that the files use of them.
func (l *loader) declareOpaque(files []*ast.File) {
	for _, file := range files {
		imports := map[string]*types.Package{}
		for _, spec := range file.Imports {
			importPath, err := strconv.Unquote(spec.Path.Value)
			if err != nil || importPath == "unsafe" || l.real(importPath) {
				continue
			}
			stub, _ := l.Import(importPath)
			name := stub.Name()
			if spec.Name != nil {
				name = spec.Name.Name
			}
			imports[name] = stub
		}
		ast.Inspect(file, func(node ast.Node) bool {
			selector, ok := node.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if base, ok := selector.X.(*ast.Ident); ok && imports[base.Name] != nil {
				declareType(imports[base.Name], selector.Sel.Name)
			}
			return true
		})
	}
}

func declareType(in *types.Package, name string) {
	if in.Scope().Lookup(name) == nil {
		object := types.NewTypeName(token.NoPos, in, name, nil)
		types.NewNamed(object, types.NewStruct(nil, nil), nil)
		in.Scope().Insert(object)
	}
}
