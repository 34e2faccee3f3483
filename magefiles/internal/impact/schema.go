package impact

import (
	"fmt"
	"go/types"
	"path"
	"reflect"
	"slices"
	"strings"
)

// Schema is a struct type and all struct types in it, as deep as they go.
type Schema struct {
	// Root names the type at the top, such as "core/v1.Container".
	Root    string            `json:"root"`
	Structs map[string]Struct `json:"structs"`
}

// Struct is one struct type.
type Struct struct {
	// Marshals says that it writes its JSON itself, so that its fields do not show.
	Marshals bool    `json:"marshals,omitempty"`
	Fields   []Field `json:"fields,omitempty"`
}

// Field is one field of a struct type, in its declared place.
type Field struct {
	Name string `json:"name"`
	// JSON is the name in JSON, or empty where it has none of its own.
	JSON string `json:"json,omitempty"`
	// Inline says that its fields are those of the struct around it.
	Inline    bool `json:"inline,omitempty"`
	OmitEmpty bool `json:"omitEmpty,omitempty"`
	OmitZero  bool `json:"omitZero,omitempty"`
	// Type is as the source writes it, with the full names of types; Form is the same
	// with every named type written out, "struct" for a struct.
	Type string `json:"type"`
	Form string `json:"form"`
	// Struct names the struct type that it has or leads to, or is empty. Behind
	// says what lies between: "*" a pointer, "[]" a list, "{}" a map; empty means
	// that it is always there.
	Struct string `json:"struct,omitempty"`
	Behind string `json:"behind,omitempty"`
}

// schema walks a type down from its name.
func (l *loader) schema(importPath, name string) (*Schema, error) {
	loaded, err := l.Import(importPath)
	if err != nil {
		return nil, err
	}
	object := loaded.Scope().Lookup(name)
	if object == nil {
		dir, _ := l.tree.Dir(importPath)
		return nil, fmt.Errorf("%w: there is no type %s in %s", errNoPackage, name, dir)
	}
	w := walker{loader: l, schema: &Schema{Root: typeName(object.Type()), Structs: map[string]Struct{}}}
	w.add(object.Type())
	return w.schema, w.err
}

type walker struct {
	loader *loader
	schema *Schema
	err    error
}

// add adds a struct type, and those in it.
func (w *walker) add(t types.Type) {
	name := typeName(t)
	if _, known := w.schema.Structs[name]; known {
		return
	}
	w.schema.Structs[name] = Struct{} // so that a type within itself ends here
	w.check(t)
	in := t.Underlying().(*types.Struct)
	made := Struct{Marshals: marshals(t)}
	for i := range in.NumFields() {
		made.Fields = append(made.Fields, w.field(name, in.Field(i), in.Tag(i)))
	}
	w.schema.Structs[name] = made
}

// check refuses a type of Kubernetes whose package the tree does not have: it would pass
// for one without fields.
func (w *walker) check(t types.Type) {
	named, ok := t.(*types.Named)
	if !ok || named.Obj().Pkg() == nil || w.err != nil {
		return
	}
	if path := named.Obj().Pkg().Path(); w.loader.opaque[path] && strings.HasPrefix(path, "k8s.io/") {
		w.err = fmt.Errorf("%w: %s, of which %s is", errNoPackage, path, typeName(t))
	}
}

func (w *walker) field(of string, v *types.Var, tag string) Field {
	f := Field{Name: v.Name(), Type: types.TypeString(v.Type(), qualify), Form: form(v.Type(), 0)}
	if strings.Contains(f.Type, "invalid type") && w.err == nil {
		w.err = fmt.Errorf("the type of %s.%s can't be resolved", of, v.Name())
	}
	tagged := reflect.StructTag(tag).Get("json")
	parts := strings.Split(tagged, ",")
	f.OmitEmpty, f.OmitZero = slices.Contains(parts[1:], "omitempty"), slices.Contains(parts[1:], "omitzero")
	switch {
	case tagged == "-" || !v.Exported():
	case v.Embedded() && parts[0] == "":
		f.Inline = true
	case parts[0] != "":
		f.JSON = parts[0]
	default:
		f.JSON = v.Name()
	}
	var inner types.Type
	if inner, f.Behind = reach(v.Type(), ""); inner != nil {
		f.Struct = typeName(inner)
		w.add(inner)
	}
	return f
}

// reach returns the struct type that a type has or leads to, or nil, and what lies
// between.
func reach(t types.Type, behind string) (types.Type, string) {
	switch u := t.Underlying().(type) {
	case *types.Struct:
		return t, behind
	case *types.Pointer:
		return reach(u.Elem(), behind+"*")
	case *types.Slice:
		return reach(u.Elem(), behind+"[]")
	case *types.Array:
		return reach(u.Elem(), behind)
	case *types.Map:
		return reach(u.Elem(), behind+"{}")
	}
	return nil, ""
}

// deepest bounds how far a type is written out: one may be of itself.
const deepest = 8

// form writes a type out.
func form(t types.Type, depth int) string {
	if depth > deepest {
		return "..."
	}
	switch u := t.Underlying().(type) {
	case *types.Struct:
		return "struct"
	case *types.Pointer:
		return "*" + form(u.Elem(), depth+1)
	case *types.Slice:
		return "[]" + form(u.Elem(), depth+1)
	case *types.Array:
		return fmt.Sprintf("[%d]%s", u.Len(), form(u.Elem(), depth+1))
	case *types.Map:
		return "map[" + form(u.Key(), depth+1) + "]" + form(u.Elem(), depth+1)
	}
	return types.TypeString(t.Underlying(), qualify)
}

// marshals reports whether a type, or a pointer to it, has a method MarshalJSON.
func marshals(t types.Type) bool {
	return types.NewMethodSet(types.NewPointer(t)).Lookup(nil, "MarshalJSON") != nil
}

// typeName names a type by the end of its package's path: "core/v1.Container".
func typeName(t types.Type) string { return types.TypeString(t, qualify) }

func qualify(p *types.Package) string {
	if majorVersion.MatchString(path.Base(p.Path())) {
		return path.Base(path.Dir(p.Path())) + "/" + path.Base(p.Path())
	}
	return path.Base(p.Path())
}
