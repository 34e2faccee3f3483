package statefile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/statefile"
)

const newerSpec = `{"name":"a","image":"i:1","resources":{"claims":[{"name":"c","request":"r"}]},` +
	`"livenessProbe":{"grpc":{"port":1,"mode":"m"}},"securityContext":{"runAsUser":1,"seccompProfile":{"type":"Unconfined"}}}`

func TestNewerFields(t *testing.T) {
	for name, test := range map[string]struct {
		spec string
		want []statefile.NewerField
	}{
		"none":         {`{"name":"a","image":"i:1","resources":{}}`, nil},
		"not JSON":     {`{"name":`, nil},
		"not compact":  {`{ "restartPolicy": "Always" }`, nil},
		"at the top":   {`{"name":"a","restartPolicy":"Always"}`, []statefile.NewerField{{"restartPolicy", 28}}},
		"deep and two": {newerSpec, []statefile.NewerField{{"livenessProbe.grpc", 23}, {"livenessProbe.grpc.mode", 37}, {"resources.claims", 26}, {"resources.claims.request", 31}, {"securityContext.seccompProfile", 19}}},
		"in a list":    {`{"volumeMounts":[{"name":"a"},{"recursiveReadOnly":"Enabled"}]}`, []statefile.NewerField{{"volumeMounts.recursiveReadOnly", 30}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, statefile.NewerFields([]byte(test.spec))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestHashBy(t *testing.T) {
	of := func(spec string) uint64 { return statefile.HashSpec([]byte(spec)) }
	for _, test := range []struct {
		version string
		want    uint64
		ok      bool
	}{
		{"v1.15.12", 0, false},
		{"nonsense", 0, false},
		{"v1.18.20", of(`{"name":"a","image":"i:1","resources":{},"livenessProbe":{},"securityContext":{"runAsUser":1}}`), true},
		{"v1.30.14+steadylet.0a1b2c3d", of(`{"name":"a","image":"i:1","resources":{"claims":[{"name":"c"}]},"livenessProbe":{"grpc":{"port":1}},"securityContext":{"runAsUser":1,"seccompProfile":{"type":"Unconfined"}}}`), true},
		{"v1.31.0", statefile.HashImageAndName("i:1", "a"), true},
	} {
		t.Run(test.version, func(t *testing.T) {
			got, ok := statefile.HashBy(test.version, []byte(newerSpec), "i:1", "a")
			if got != test.want || ok != test.ok {
				t.Errorf("%x, %t, want %x, %t", got, ok, test.want, test.ok)
			}
		})
	}
}

func TestSpecOf(t *testing.T) {
	known, ok := statefile.SpecOf("v1.25.0", []byte(newerSpec))
	want := `{"name":"a","image":"i:1","resources":{},"livenessProbe":{"grpc":{"port":1}},"securityContext":{"runAsUser":1,"seccompProfile":{"type":"Unconfined"}}}`
	if string(known) != want || !ok {
		t.Errorf("%s, %t, want %s", known, ok, want)
	}
	if _, ok := statefile.SpecOf("1.25", []byte(newerSpec)); ok {
		t.Error("a version that is none has a spec")
	}
}
