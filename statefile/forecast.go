//go:build !kubelet

// A kubelet has no use for this file: it is left out when the library is compiled into one.

package statefile

import (
	"encoding/json"
	"sort"
)

// NewerField is a field of a container that is not in the types of every kubelet.
type NewerField struct {
	// Path has the JSON names below v1.Container, "livenessProbe.grpc".
	Path string
	// Since is the minor version that added it.
	Since int
}

// NewerFields lists the fields of a v1.Container's JSON that minor versions after 1.16
// added, sorted by path. Those below one that is listed, and as old, are left out. What
// is not compact JSON has none.
func NewerFields(spec []byte) []NewerField {
	_, present, ok := without(spec, newest, 0)
	if !ok || len(present) == 0 {
		return nil
	}
	var value interface{}
	if json.Unmarshal(spec, &value) != nil {
		return nil
	}
	found := map[string]int{}
	field{below: containerFields}.collect(value, "", found)
	var listed []NewerField
	for path, since := range found {
		listed = append(listed, NewerField{path, since})
	}
	sort.Slice(listed, func(i, j int) bool { return listed[i].Path < listed[j].Path })
	return listed
}

// collect notes the newer fields in a value.
func (f field) collect(value interface{}, path string, found map[string]int) {
	switch value := value.(type) {
	case []interface{}:
		for _, element := range value {
			f.collect(element, path, found)
		}
	case map[string]interface{}:
		for name, below := range value {
			child, at := f.below[name], name
			if path != "" {
				at = path + "." + name
			}
			if child.since > f.since {
				found[at] = child.since
			}
			child.collect(below, at, found)
		}
	}
}

// HashBy returns the hash that a kubelet of the given version writes on a container
// with the given spec, image and name. The spec is as for Variants; fields that the
// version does not know are left out. ok is false for a version whose hash can't be
// computed, such as one before 1.16.
func HashBy(version string, spec []byte, image, name string) (hash uint64, ok bool) {
	number, known := minor(version)
	switch {
	case !known || number < 16:
		return 0, false
	case !wholeSpec(version):
		return HashImageAndName(image, name), true
	}
	encoded, _, ok := without(spec, number+1, 0)
	return HashSpec(encoded), ok
}

// SpecOf returns a spec's JSON without the fields that a version does not know. The spec
// is as for Variants.
func SpecOf(version string, spec []byte) (known []byte, ok bool) {
	number, ok := minor(version)
	if !ok {
		return nil, false
	}
	known, _, ok = without(spec, number+1, 0)
	return known, ok
}
