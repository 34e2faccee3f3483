package statefile

import (
	"bytes"
	"sort"
)

// resizePolicySince is the minor version that added resizePolicy, and nothing else.
const resizePolicySince = 27

// newest is a minor version that no field is as new as.
const newest = 1 << 20

// fields is a tree of JSON names below v1.Container, down to those that a minor
// version of Kubernetes added since 1.16. An array stands for each of its elements.
type fields map[string]field

// field is one name. since is the minor version that added it, or 0 if kubelets of
// 1.16 knew it.
type field struct {
	since int
	below fields
}

// containerFields has what was added to v1.Container and the types in it, by
// staging/src/k8s.io/api/core/v1/types.go of the tags. A field that is missing here
// costs a proof, and with it at worst a restart as stock; it never keeps anything.
var containerFields = fields{
	"env":           {below: fields{"valueFrom": {below: fields{"fileKeyRef": {since: 34}}}}},
	"lifecycle":     lifecycleFields,
	"livenessProbe": probeFields, "readinessProbe": probeFields, "startupProbe": probeFields,
	"resizePolicy":       {since: resizePolicySince},
	"resources":          {below: fields{"claims": {since: 26, below: fields{"request": {since: 31}}}}},
	"restartPolicy":      {since: 28},
	"restartPolicyRules": {since: 34},
	"securityContext": {below: fields{
		"seccompProfile": {since: 19}, "appArmorProfile": {since: 30},
		"windowsOptions": {below: fields{"hostProcess": {since: 22}}},
	}},
	"volumeMounts": {below: fields{"recursiveReadOnly": {since: 30}, "bindMountOptions": {since: 37}}},
}

var (
	probeFields = field{below: fields{
		"terminationGracePeriodSeconds": {since: 21},
		"grpc":                          {since: 23, below: fields{"mode": {since: 37}}},
		"httpGet":                       httpGetFields,
	}}
	lifecycleFields = field{below: fields{
		"postStart": handlerFields, "preStop": handlerFields, "stopSignal": {since: 33},
	}}
	handlerFields = field{below: fields{"sleep": {since: 29}, "httpGet": httpGetFields}}
	httpGetFields = field{below: fields{"protocol": {since: 37}}}
)

// Variants returns today's JSON of a v1.Container as each kubelet from 1.16 to 1.30
// would have encoded it that would have encoded it in another way, that is without
// the fields that it did not know. The spec itself is not among them. Those of
// later kubelets come first.
//
// oldest is the minor version of the kubelet that may have encoded it, or 0 where that
// may be any: a field that this one knew is in every variant, since it can only be
// missing in what it encoded because somebody added it afterwards.
//
// The JSON must be as json.Marshal writes it, since everything that stays is copied
// byte for byte; the order of fields never changed in these versions. What is not
// JSON has no variants.
//
// From Go 1.22 on, which builds 1.30 and the last releases of 1.27 and 1.28, json.Marshal
// escapes a backspace and a form feed in another way. Each variant, and the spec, that has
// one is there in both forms.
//
// A resizePolicy is there in both ways too, whatever oldest is: a feature gate decides
// whether the API server adds it, not the kubelet's version.
func Variants(spec []byte, oldest int) [][]byte {
	_, present, ok := without(spec, newest, 0)
	if !ok {
		return nil
	}
	var variants [][]byte
	add := func(variant []byte) {
		if other := reescape(variant); other != nil {
			variants = append(variants, variant, other)
			return
		}
		variants = append(variants, variant)
	}
	add(spec)
	resizable := false
	for _, since := range present {
		resizable = resizable || since == resizePolicySince
	}
	for _, since := range append([]int{newest}, present...) {
		if since <= oldest {
			break // the later versions come first
		}
		if since < newest {
			variant, _, _ := without(spec, since, 0)
			add(variant)
		}
		if resizable && since > resizePolicySince {
			variant, _, _ := without(spec, since, resizePolicySince)
			add(variant)
		}
	}
	return variants[1:] // without the spec itself
}

// without copies a spec without the fields that were added in the minor version
// from or later, or in the version but. present lists the minor versions of the newer fields that the spec
// has, the latest first.
func without(spec []byte, from, but int) (copied []byte, present []int, ok bool) {
	c := copier{in: spec, out: make([]byte, 0, len(spec)), from: from, but: but, present: map[int]bool{}}
	if !c.value(field{below: containerFields}, 0) || c.at != len(c.in) {
		return nil, nil, false
	}
	for since := range c.present {
		present = append(present, since)
	}
	sort.Sort(sort.Reverse(sort.IntSlice(present)))
	return c.out, present, true
}

// reescape returns a spec with its backspaces and form feeds escaped in the other
// way (\b and \u0008, \f and \u000c), or nil if it has none.
func reescape(spec []byte) []byte {
	forms := [...][2]string{{`\b`, `\u0008`}, {`\f`, `\u000c`}}
	var out []byte
	copiedTo := 0
	for i := 0; i+1 < len(spec); i++ {
		if spec[i] != '\\' {
			continue
		}
		for _, form := range forms {
			for side, from := range form {
				if bytes.HasPrefix(spec[i:], []byte(from)) {
					out = append(append(out, spec[copiedTo:i]...), form[1-side]...)
					copiedTo = i + len(from)
				}
			}
		}
		i++ // what follows a backslash begins no other escape
	}
	if out == nil {
		return nil
	}
	return append(out, spec[copiedTo:]...)
}
