package predict_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/podmanifest"
	"github.com/steadylet/steadylet/internal/predict"
)

// A static pod that the new kubelet refuses ends, whatever else is true of it.
func TestForecastOfRefusedStaticPods(t *testing.T) {
	const fields, gate = "spec.volumes[0].secret (secret)", "PreventStaticPodAPIReferences"
	secret := []podmanifest.Reference{{Field: "spec.volumes[0].secret", Object: "secret"}}
	bundle := []podmanifest.Reference{{Field: "spec.volumes[0].projected.sources[0].clusterTrustBundle", Object: "cluster trust bundle"}}
	on, off := true, false
	container := predict.Container{Name: "app", Kind: predict.Regular, Image: "app:v1", Spec: []byte(plainSpec)}
	pod := func(change func(*predict.Pod)) predict.Pod {
		made := predict.Pod{Static: true, References: secret, Containers: []predict.Container{container}}
		change(&made)
		return made
	}
	static := pod(func(*predict.Pod) {})
	for name, test := range map[string]struct {
		from, to     string
		pod          predict.Pod
		gate         *bool
		noPodCgroups bool
		want         string
		says         []string
		silent       string
	}{
		"not before 1.34":         {from: "v1.32.13", to: "v1.33.13", pod: static, want: "kept"},
		"by default":              {from: "v1.33.13", to: "v1.34.4", pod: static, want: "ends", says: []string{"v1.34.4 refuses this static pod, unless its feature gate " + gate + " is off", fields, "remove these fields", "set the feature gate " + gate + " to false"}},
		"patched alike":           {from: "v1.33.13", to: "Pv1.36.3", pod: static, want: "ends", says: []string{"v1.36.3 refuses this static pod", fields}},
		"the gate is on":          {from: "v1.33.13", to: "v1.36.3", pod: static, gate: &on, want: "ends", says: []string{"refuses this static pod: it names", "set the feature gate"}, silent: "unless"},
		"the gate is off":         {from: "v1.33.13", to: "v1.36.3", pod: static, gate: &off, want: "kept"},
		"1.37 has no gate":        {from: "v1.36.3", to: "v1.37.2", pod: static, gate: &off, want: "ends", says: []string{"v1.37.2 refuses this static pod: it names", fields, "remove these fields"}, silent: gate},
		"and nobody asked":        {from: "v1.36.3", to: "v1.37.2", pod: static, want: "ends", silent: gate},
		"both refuse it":          {from: "v1.34.4", to: "v1.36.3", pod: static, want: "ends"},
		"the way back":            {from: "v1.37.2", to: "v1.33.13", pod: static, want: "kept"},
		"a made-up UID too":       {from: "v1.36.3", to: "Pv1.37.2", pod: pod(func(p *predict.Pod) { p.MadeUpUID = true }), want: "ends"},
		"a trust bundle":          {from: "v1.28.15", to: "v1.29.6", pod: pod(func(p *predict.Pod) { p.References = bundle }), gate: &off, want: "ends", says: []string{"cluster trust bundle"}, silent: gate},
		"an init container":       {from: "v1.36.3", to: "v1.37.2", pod: pod(func(p *predict.Pod) { p.Containers[0].Kind = predict.Initial }), want: "ends"},
		"from a URL":              {from: "v1.36.3", to: "v1.37.2", pod: pod(func(p *predict.Pod) { p.FromURL = true }), want: "ends", says: []string{"every pod of that URL"}},
		"nothing is named":        {from: "v1.36.3", to: "v1.37.2", pod: pod(func(p *predict.Pod) { p.References = nil }), want: "kept"},
		"a pod of the API server": {from: "v1.36.3", to: "v1.37.2", pod: pod(func(p *predict.Pod) { p.Static = false }), want: "kept"},
		"a pod that has ended":    {from: "v1.36.3", to: "v1.37.2", pod: pod(func(p *predict.Pod) { p.Ended = true }), want: "kept", says: []string{"has ended"}},
		"a version not known":     {from: "v1.36.3", to: "v1.38.0", pod: static, want: "unknown", says: []string{"v1.38.0 is not known"}},
		"cgroups do not matter":   {from: "v1.33.13", to: "Pv1.36.3", pod: static, noPodCgroups: true, want: "ends", silent: "cgroupsPerQOS"},
	} {
		t.Run(name, func(t *testing.T) {
			u := predict.Upgrade{From: version(t, test.from), To: version(t, test.to), ReferencesGate: test.gate, NoPodCgroups: test.noPodCgroups}
			got := u.Pod(test.pod)[0]
			if got.String() != test.want {
				t.Fatalf("got %v (%s), want %s", got, got.Reason, test.want)
			}
			for _, says := range test.says {
				if !strings.Contains(got.Reason, says) {
					t.Errorf("%q does not say %q", got.Reason, says)
				}
			}
			if test.silent != "" && strings.Contains(got.Reason, test.silent) {
				t.Errorf("%q says %q", got.Reason, test.silent)
			}
		})
	}
}

// A list of the API server can't have the pods that an upgrade over 1.34 ends, and those
// that a kubelet runs with the gate set to false.
func TestEndsUnlisted(t *testing.T) {
	off := false
	for name, test := range map[string]struct {
		from, to string
		gate     *bool
		want     bool
	}{
		"before 1.34":         {"v1.31.0", "v1.33.13", nil, false},
		"over 1.34":           {"v1.33.13", "v1.34.4", nil, true},
		"the gate stays off":  {"v1.33.13", "v1.36.3", &off, false},
		"both with a gate":    {"v1.34.4", "v1.36.3", nil, false},
		"the gate goes":       {"v1.36.3", "v1.37.2", nil, true},
		"it was off":          {"v1.36.3", "v1.37.2", &off, true},
		"no gate in either":   {"v1.37.1", "v1.37.2", nil, false},
		"the way back":        {"v1.37.2", "v1.36.3", nil, false},
		"the whole way there": {"v1.20.2", "v1.37.2", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			u := predict.Upgrade{From: version(t, test.from), To: version(t, test.to), ReferencesGate: test.gate}
			if got := u.EndsUnlisted(); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// What a static pod names is read off manifests and lists alike, and of no other pod.
func TestReadWhatStaticPodsName(t *testing.T) {
	pods, _ := read(t, "naming.json")
	got := map[string][]podmanifest.Reference{}
	for _, pod := range pods {
		got[pod.Name] = pod.References
	}
	for _, name := range []string{"registry-proxy.yaml", "node-agent.yaml"} {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		pod, err := predict.ReadManifest(content)
		if err != nil {
			t.Fatal(err)
		}
		got[name] = pod.References
	}
	account := podmanifest.Reference{Field: "spec.serviceAccountName", Object: "service account"}
	pull := podmanifest.Reference{Field: "spec.imagePullSecrets[0].name", Object: "secret"}
	level := podmanifest.Reference{Field: "spec.containers[0].env[0].valueFrom.configMapKeyRef.name", Object: "config map"}
	want := map[string][]podmanifest.Reference{
		"registry-proxy.yaml": {pull}, "node-agent.yaml": {account, level},
		"registry-proxy-db-3": {pull}, "node-agent-db-3": {account, level}, "web-1": nil, "etcd-db-3": nil,
		"many-db-3": {
			{Field: "spec.serviceAccount", Object: "service account"}, {Field: "spec.resourceClaims[0]", Object: "resource claim"},
			{Field: "spec.initContainers[0].envFrom[0].secretRef.name", Object: "secret"}, {Field: "spec.ephemeralContainers[0].envFrom[0].configMapRef.name", Object: "config map"},
			{Field: "spec.volumes[1].secret", Object: "secret"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
