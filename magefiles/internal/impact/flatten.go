package impact

import (
	"slices"
	"strings"
)

// Shape is a field, by its place below the type at the top.
type Shape struct {
	// Path is the field's: of JSON names "livenessProbe.grpc.port", or of Go names
	// "Spec.Containers[].LivenessProbe*.PeriodSeconds", where what lies behind a
	// pointer, in a list or in a map is marked with *, [] or {}.
	Path string `json:"path"`
	Go   string `json:"go"`
	Type string `json:"type"`
	// OmitEmpty says that JSON leaves it out when it is empty, and OmitZero when it
	// is zero.
	OmitEmpty bool `json:"omitEmpty,omitempty"`
	OmitZero  bool `json:"omitZero,omitempty"`
	// Always says that it is in the dump of every pod.
	Always bool `json:"always,omitempty"`

	form, owner, parent string
	index               int // in its struct
}

// encoded lists what the JSON of a schema's root may have, in its order.
func (s *Schema) encoded() []Shape { return s.encodedBelow(s.Root, "", nil) }

func (s *Schema) encodedBelow(name, path string, above []string) (shapes []Shape) {
	if slices.Contains(above, name) || s.Structs[name].Marshals {
		return nil
	}
	above = append(slices.Clone(above), name)
	for i, f := range s.Structs[name].Fields {
		if f.Inline {
			shapes = append(shapes, s.encodedBelow(f.Struct, path, above)...)
			continue
		}
		if f.JSON == "" {
			continue
		}
		shape := Shape{
			Path: join(path, f.JSON), Go: f.Name, Type: f.Type, OmitEmpty: f.OmitEmpty, OmitZero: f.OmitZero,
			form: f.Form, owner: name, parent: path, index: i,
		}
		if s.Structs[f.Struct].Marshals {
			shape.form = f.Type // whatever it writes
		}
		shapes = append(shapes, shape)
		if f.Struct != "" {
			shapes = append(shapes, s.encodedBelow(f.Struct, shape.Path+marks(f.Behind), above)...)
		}
	}
	return shapes
}

// marks are those of lists and maps: JSON knows no pointers.
func marks(behind string) string { return strings.ReplaceAll(behind, "*", "") }

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// dumped lists what a dump of a schema's root has, in its order. present tells of a
// path that what lies behind it is there in every pod.
func (s *Schema) dumped(present func(path string) bool) []Shape {
	return s.dumpedBelow(s.Root, "", true, present, nil)
}

func (s *Schema) dumpedBelow(name, path string, always bool, present func(string) bool, above []string) (shapes []Shape) {
	if slices.Contains(above, name) {
		return nil
	}
	above = append(slices.Clone(above), name)
	for i, f := range s.Structs[name].Fields {
		shape := Shape{
			Path: join(path, f.Name), Go: f.Name, Type: f.Type, Always: always,
			form: f.Type, owner: name, parent: path, index: i,
		}
		shapes = append(shapes, shape)
		if f.Struct != "" {
			below := shape.Path + f.Behind
			there := always && (f.Behind == "" || present(below))
			shapes = append(shapes, s.dumpedBelow(f.Struct, below, there, present, above)...)
		}
	}
	return shapes
}

// inEveryPod returns what is behind a pointer or in a list and there nonetheless, in
// every pod that the reader of static pods lets pass: the containers, of which
// validation wants one at least (validateContainers, pkg/apis/core/validation), and the
// structs of the pod that are made where they are missing.
func (f *Facts) inEveryPod() func(path string) bool {
	return func(path string) bool {
		if path == "Spec.Containers[]" {
			return true
		}
		for _, d := range f.Defaults {
			if d.Struct == "core/v1.PodSpec" && d.Allocates && len(d.Gates)+len(d.Unless) == 0 && path == "Spec."+d.Field+"*" {
				return true
			}
		}
		return false
	}
}
