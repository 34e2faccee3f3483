package predict_test

import (
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/predict"
	"github.com/steadylet/steadylet/statefile"
)

// specWith is a container's spec with those resources and that policy, in JSON.
func specWith(resources, policy string) string {
	return `{"name":"app","image":"app:v1","resources":` + resources + `,"resizePolicy":[` + policy + `]}`
}

const (
	some        = `{"requests":{"cpu":"100m"},"limits":{"memory":"1Gi"}}`
	cpuRestarts = `{"resourceName":"cpu","restartPolicy":"RestartContainer"}`
	memRestarts = `{"resourceName":"memory","restartPolicy":"RestartContainer"}`
	cpuStays    = `{"resourceName":"cpu","restartPolicy":"NotRequired"}`
)

func TestForecastOfResizing(t *testing.T) {
	on, off := true, false
	spec, static, plain := specWith(some, cpuRestarts), true, false
	limited := `{"limits":{"memory":"2Gi"}}`
	for name, test := range map[string]struct {
		from, to     string
		spec         string
		kind         predict.Kind
		static       bool
		ofPod        string
		resize       *bool
		noPodCgroups bool
		want, reason string
	}{
		"over 1.33":                    {from: "v1.32.13", to: "v1.33.13", spec: spec, want: "restarts", reason: "resizePolicy for cpu is RestartContainer"},
		"patched alike":                {from: "v1.31.0", to: "Pv1.36.3", spec: spec, want: "restarts", reason: "stock or patched"},
		"what the hash says is first":  {from: "v1.30.14", to: "v1.36.3", spec: spec, want: "restarts", reason: "image and name"},
		"patched, over both":           {from: "v1.30.14", to: "Pv1.36.3", spec: spec, want: "restarts", reason: "resizePolicy"},
		"a record is there":            {from: "v1.33.13", to: "v1.36.3", spec: spec, want: "kept"},
		"none is asked for":            {from: "v1.31.0", to: "v1.32.13", spec: spec, want: "kept"},
		"the way back":                 {from: "v1.33.13", to: "v1.32.13", spec: spec, want: "kept"},
		"a limit alone":                {from: "v1.32.13", to: "v1.33.13", spec: specWith(some, memRestarts), want: "restarts", reason: "for memory"},
		"nothing of that resource":     {from: "v1.32.13", to: "v1.33.13", spec: specWith(`{"requests":{"cpu":"1"}}`, memRestarts), want: "kept"},
		"zero of it":                   {from: "v1.32.13", to: "v1.33.13", spec: specWith(`{"requests":{"cpu":"0"}}`, cpuRestarts), want: "kept"},
		"no resources":                 {from: "v1.32.13", to: "v1.33.13", spec: specWith(`{}`, cpuRestarts+","+memRestarts), want: "kept"},
		"another policy":               {from: "v1.32.13", to: "v1.33.13", spec: specWith(some, cpuStays), want: "kept"},
		"the first policy counts":      {from: "v1.32.13", to: "v1.33.13", spec: specWith(some, cpuStays+","+cpuRestarts), want: "kept"},
		"a sidecar":                    {from: "v1.32.13", to: "v1.33.13", spec: spec, kind: predict.Sidecar, want: "restarts", reason: "resizePolicy"},
		"an init container":            {from: "v1.32.13", to: "v1.33.13", spec: spec, kind: predict.Initial, want: "kept"},
		"a static pod, up to 1.35":     {from: "v1.32.13", to: "v1.35.4", spec: spec, static: static, want: "kept"},
		"a static pod, from 1.36 on":   {from: "v1.32.13", to: "v1.36.3", spec: spec, static: static, want: "restarts", reason: "resizePolicy"},
		"the gate is off":              {from: "v1.32.13", to: "v1.34.4", spec: spec, resize: &off, want: "kept"},
		"it can't be off from 1.35 on": {from: "v1.32.13", to: "v1.35.4", spec: spec, resize: &off, want: "restarts", reason: "started it with"},
		"it may be off in 1.34":        {from: "v1.32.13", to: "v1.34.4", spec: spec, want: "restarts", reason: "unless its feature gate"},
		"a limit of the pod":           {from: "v1.32.13", to: "v1.36.3", spec: specWith(`{}`, memRestarts), ofPod: limited, want: "restarts", reason: "for memory"},
		"not before 1.36":              {from: "v1.32.13", to: "v1.35.4", spec: specWith(`{}`, memRestarts), ofPod: limited, want: "kept"},

		"may be resized":                     {from: "v1.30.14", to: "Pv1.31.0", spec: plainSpec, resize: &on, want: "unknown", reason: "--runtime-endpoint"},
		"may be resized, to the same hash":   {from: "v1.28.15", to: "v1.29.6", spec: plainSpec, resize: &on, want: "unknown", reason: "leave the old hash"},
		"may be resized, and restarts":       {from: "v1.30.14", to: "v1.31.0", spec: plainSpec, resize: &on, want: "restarts", reason: "image and name"},
		"static pods are not resized there":  {from: "v1.30.14", to: "Pv1.31.0", spec: plainSpec, resize: &on, static: static, want: "kept by steadylet (step 2)"},
		"from 1.31 on its hash does not say": {from: "v1.31.0", to: "v1.36.3", spec: plainSpec, resize: &on, want: "kept"},
		"off, as it is by itself":            {from: "v1.30.14", to: "Pv1.31.0", spec: plainSpec, static: plain, want: "kept by steadylet (step 2)"},

		"no cgroups of pods":           {from: "v1.30.14", to: "Pv1.36.3", spec: plainSpec, noPodCgroups: true, want: "restarts", reason: "cgroupsPerQOS is off"},
		"no cgroups, up to 1.32":       {from: "v1.30.14", to: "Pv1.32.13", spec: plainSpec, noPodCgroups: true, want: "kept by steadylet (step 2)"},
		"no cgroups, the same hash":    {from: "v1.31.0", to: "Pv1.36.3", spec: plainSpec, noPodCgroups: true, want: "kept"},
		"no cgroups, from patched":     {from: "Pv1.32.13", to: "Pv1.36.3", spec: plainSpec, noPodCgroups: true, want: "unknown", reason: "cgroupsPerQOS is off"},
		"no cgroups, no such version":  {from: "v1.18.0", to: "Pv1.19.0", spec: plainSpec, noPodCgroups: true, want: "unknown", reason: "no patched kubelet"},
		"no cgroups, and stock anyway": {from: "v1.30.14", to: "v1.36.3", spec: plainSpec, noPodCgroups: true, want: "restarts", reason: "image and name"},
	} {
		t.Run(name, func(t *testing.T) {
			u := predict.Upgrade{From: version(t, test.from), To: version(t, test.to), Now: time.Unix(1_700_000_000, 0), Resize: test.resize, NoPodCgroups: test.noPodCgroups}
			kind := test.kind
			if kind == "" {
				kind = predict.Regular
			}
			pod := predict.Pod{Static: test.static, Resources: []byte(test.ofPod), Containers: []predict.Container{{Name: "app", Kind: kind, Image: "app:v1", Spec: []byte(test.spec)}}}
			got := u.Pod(pod)[0]
			if got.String() != test.want || !strings.Contains(got.Reason, test.reason) {
				t.Errorf("got %v (%s), want %s (%s)", got, got.Reason, test.want, test.reason)
			}
		})
	}
}

// The hash on a container tells whether it was resized; what a stock kubelet makes of that
// depends on its feature gate.
func TestForecastOfAResizedContainer(t *testing.T) {
	now, then := specWith(some, cpuStays), specWith(`{"requests":{"cpu":"1"}}`, cpuStays)
	for name, test := range map[string]struct {
		from, to, created, want, reason string
	}{
		"resized":                    {"v1.29.6", "v1.30.14", then, "unknown", "depends on that feature gate"},
		"resized, patched":           {"v1.29.6", "Pv1.30.14", then, "unknown", "depends on that feature gate"},
		"resized, to 1.31":           {"v1.30.14", "Pv1.31.0", then, "restarts", "no known algorithm"},
		"not resized":                {"v1.29.6", "v1.30.14", now, "kept", ""},
		"not resized, to 1.31":       {"v1.30.14", "Pv1.31.0", now, "kept by steadylet (step 2)", ""},
		"resized, before such gates": {"v1.30.14", "v1.26.15", then, "restarts", ""},
	} {
		t.Run(name, func(t *testing.T) {
			u := predict.Upgrade{From: version(t, test.from), To: version(t, test.to), Now: time.Unix(1_700_000_000, 0)}
			c := predict.Container{Name: "app", Kind: predict.Regular, Image: "app:v1", Spec: []byte(now), Exact: true, Resizable: true, Annotated: hash(statefile.HashSpec([]byte(test.created)))}
			got := u.Pod(predict.Pod{Containers: []predict.Container{c}})[0]
			if got.String() != test.want || !strings.Contains(got.Reason, test.reason) {
				t.Errorf("got %v (%s), want %s (%s)", got, got.Reason, test.want, test.reason)
			}
		})
	}
}

// A patched kubelet leaves a field out of a proof, or keeps a container unproven, by which
// kubelet created it. Who that was is on its record, and nowhere else.
func TestForecastGoesByWhoCreatedIt(t *testing.T) {
	old, start := version(t, "Pv1.30.14"), time.Unix(1_600_000_000, 0)
	record := statefile.State{}.Started(old.Text, start)
	created := func(at time.Time, spec string) predict.Container {
		return predict.Container{Name: "app", Kind: predict.Regular, Image: "app:v1", Spec: []byte(spec), CreatedAt: at}
	}
	withHash := func(c predict.Container, of string) predict.Container {
		c.Annotated, c.Exact = hash(statefile.HashSpec([]byte(of))), true
		return c
	}
	const probeSpec = `{"name":"app","image":"app:v1","resources":{},"livenessProbe":{}}` // grpcSpec, as kubelets before 1.23 read it
	before, after := start.Add(-time.Hour), start.Add(time.Hour)
	for name, test := range map[string]struct {
		to        string
		state     statefile.State
		container predict.Container
		want      string
	}{
		"nobody knows":       {"Pv1.20.2", statefile.State{}, created(time.Time{}, grpcSpec), "unknown"},
		"the patched one":    {"Pv1.20.2", record, created(after, grpcSpec), "kept by steadylet (step 4)"},
		"one before it":      {"Pv1.20.2", record, created(before, grpcSpec), "restarts"},
		"it does not matter": {"Pv1.31.0", statefile.State{}, created(time.Time{}, grpcSpec), "kept by steadylet (step 2)"},
		"a field added since, by the patched one":     {"Pv1.31.0", record, withHash(created(after, grpcSpec), probeSpec), "restarts"},
		"a field that an older one did not know":      {"Pv1.31.0", record, withHash(created(before, grpcSpec), probeSpec), "kept by steadylet (step 2)"},
		"either of these, without a record":           {"Pv1.31.0", statefile.State{}, withHash(created(after, grpcSpec), probeSpec), "unknown"},
		"without a record, and nothing comes to that": {"Pv1.31.0", statefile.State{}, withHash(created(after, grpcSpec), resizeSpec), "restarts"},
	} {
		t.Run(name, func(t *testing.T) {
			u := predict.Upgrade{From: old, To: version(t, test.to), State: test.state, Now: start.Add(2 * time.Hour)}
			got := u.Pod(predict.Pod{Containers: []predict.Container{test.container}})[0]
			if got.String() != test.want {
				t.Errorf("got %v (%s), want %s", got, got.Reason, test.want)
			}
		})
	}
}
