package predict_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/predict"
	"github.com/steadylet/steadylet/statefile"
)

const (
	plainSpec  = `{"name":"app","image":"app:v1","resources":{}}`
	grpcSpec   = `{"name":"app","image":"app:v1","resources":{},"livenessProbe":{"grpc":{"port":1}}}`
	resizeSpec = `{"name":"app","image":"app:v1","resources":{},"resizePolicy":[{"resourceName":"cpu"}],"livenessProbe":{"grpc":{"port":1}}}`
)

// version adds +steadylet to what begins with a P.
func version(t *testing.T, text string) predict.Version {
	t.Helper()
	if rest, patched := strings.CutPrefix(text, "P"); patched {
		text = rest + "+steadylet.0a1b2c3d"
	}
	v, err := predict.ParseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func hash(value uint64) *uint64 { return &value }

func TestForecast(t *testing.T) {
	container := predict.Container{Name: "app", Kind: predict.Regular, Image: "app:v1", Spec: []byte(plainSpec)}
	with := func(change func(*predict.Container)) predict.Pod {
		c := container
		change(&c)
		return predict.Pod{Containers: []predict.Container{c}}
	}
	spec := func(text string) predict.Pod { return with(func(c *predict.Container) { c.Spec = []byte(text) }) }
	kind := func(kind predict.Kind) predict.Pod { return with(func(c *predict.Container) { c.Kind = kind }) }
	annotated := func(value uint64, text string) predict.Pod {
		return with(func(c *predict.Container) { c.Annotated, c.Spec, c.Exact = hash(value), []byte(text), true })
	}
	onlyRuntime := func(image string, value uint64) predict.Pod {
		return with(func(c *predict.Container) {
			c.Kind, c.Annotated, c.Spec, c.Image = predict.NotSaid, hash(value), nil, image
		})
	}
	static := func(madeUp bool, has string) predict.Pod {
		return predict.Pod{Static: true, MadeUpUID: madeUp, Containers: []predict.Container{container}, Has: func(path string) bool { return path == has }}
	}
	ended, recreated, unseen := spec(plainSpec), static(true, ""), static(true, "")
	ended.Ended, recreated.Recreated, unseen.Has = true, "it is a link", nil
	oldHash, newHash := statefile.HashSpec([]byte(plainSpec)), statefile.HashImageAndName("app:v1", "app")

	for name, test := range map[string]struct {
		from, to string
		pod      predict.Pod
		want     string // verdict
		reason   string
	}{
		"1.31 changes the hash":                   {"v1.30.14", "v1.31.0", spec(plainSpec), "restarts", "image and name"},
		"and steadylet knows the old one":         {"v1.30.14", "Pv1.31.0", spec(plainSpec), "kept by steadylet (step 2)", "1.16 to 1.30"},
		"the way back, stock":                     {"v1.31.0", "v1.30.14", spec(plainSpec), "restarts", "image and name"},
		"the way back, patched":                   {"Pv1.31.0", "Pv1.30.14", spec(plainSpec), "kept by steadylet (step 2)", "1.31"},
		"no newer field":                          {"v1.20.2", "v1.30.14", spec(plainSpec), "kept", "that of its spec"},
		"a field that the old one does not know":  {"v1.20.2", "v1.30.14", spec(grpcSpec), "restarts", "livenessProbe.grpc (1.23)"},
		"a field that both know":                  {"v1.23.17", "v1.26.15", spec(grpcSpec), "kept", ""},
		"only fields in between are named":        {"v1.24.17", "v1.30.14", spec(resizeSpec), "restarts", "know: resizePolicy (1.27)"},
		"and steadylet leaves it out":             {"v1.20.2", "Pv1.30.14", spec(grpcSpec), "kept by steadylet (step 2)", ""},
		"a field that the new one drops":          {"v1.30.14", "v1.20.2", spec(grpcSpec), "restarts", "livenessProbe.grpc (1.23)"},
		"which nobody knows who created":          {"Pv1.30.14", "Pv1.20.2", spec(grpcSpec), "unknown", "ask on the node"},
		"without a record not even that":          {"v1.30.14", "Pv1.20.2", spec(grpcSpec), "restarts", "no known algorithm"},
		"same hash from 1.31 on":                  {"v1.31.0", "v1.37.2", spec(grpcSpec), "kept", ""},
		"a patch release":                         {"v1.30.4", "v1.30.14", spec(grpcSpec), "kept", ""},
		"before 1.16":                             {"v1.15.12", "v1.31.0", spec(plainSpec), "unknown", "v1.15.12 is not known"},
		"after what is known":                     {"v1.36.3", "v1.38.0", spec(plainSpec), "unknown", "v1.38.0 is not known here: known are 1.16 to 1.37"},
		"no such patched kubelet":                 {"v1.18.0", "Pv1.19.0", spec(plainSpec), "unknown", "no patched kubelet of v1.19.0"},
		"a pod that has ended":                    {"v1.30.14", "v1.31.0", ended, "kept", "ended"},
		"an init container":                       {"v1.30.14", "v1.31.0", kind(predict.Initial), "kept", "init container"},
		"a sidecar up to 1.31":                    {"v1.30.14", "v1.31.0", kind(predict.Sidecar), "kept", "from 1.32 on"},
		"a sidecar over 1.31":                     {"v1.30.14", "v1.36.3", kind(predict.Sidecar), "restarts", "image and name"},
		"a sidecar from 1.31 may be older":        {"v1.31.0", "v1.36.3", kind(predict.Sidecar), "unknown", "--runtime-endpoint"},
		"but steadylet would know":                {"v1.31.0", "Pv1.36.3", kind(predict.Sidecar), "kept", ""},
		"a sidecar in 1.28":                       {"v1.28.15", "v1.31.0", kind(predict.Sidecar), "unknown", "feature gate"},
		"really the old hash":                     {"v1.30.14", "v1.31.0", annotated(oldHash, plainSpec), "restarts", ""},
		"really the new hash":                     {"v1.30.14", "v1.31.0", annotated(newHash, plainSpec), "kept", ""},
		"an older hash that was kept":             {"Pv1.31.0", "v1.31.0", annotated(oldHash, plainSpec), "restarts", "an older version created it"},
		"from patched to stock, not asked":        {"Pv1.31.0", "v1.36.3", spec(plainSpec), "unknown", "--runtime-endpoint"},
		"a hash of nobody":                        {"v1.31.0", "Pv1.36.3", annotated(7, plainSpec), "restarts", "no known algorithm"},
		"the runtime alone, new hash":             {"v1.31.0", "v1.36.3", onlyRuntime("app:v1", newHash), "kept", ""},
		"the runtime alone, old hash":             {"v1.30.14", "v1.36.3", onlyRuntime("app:v1", oldHash), "restarts", ""},
		"the runtime alone, perhaps a sidecar":    {"v1.30.14", "v1.31.0", onlyRuntime("app:v1", oldHash), "restarts", "if it is a sidecar, it is kept"},
		"the runtime alone, patched":              {"v1.30.14", "Pv1.31.0", onlyRuntime("app:v1", oldHash), "unknown", "give the list of pods"},
		"the runtime alone, whole spec":           {"v1.20.2", "v1.30.14", onlyRuntime("app:v1", oldHash), "unknown", "give the list of pods"},
		"the runtime alone, no name of the image": {"v1.31.0", "v1.36.3", onlyRuntime("", newHash), "unknown", "give the list of pods"},
		"no name, over the change of the hash":    {"v1.20.2", "v1.31.0", onlyRuntime("", oldHash), "restarts", "image and name"},
		"a static pod":                            {"v1.35.4", "v1.36.3", static(true, ""), "restarts", "1.36 makes up another UID"},
		"a static pod, patched":                   {"v1.35.4", "Pv1.36.3", static(true, ""), "kept by steadylet", "while the manifest stays"},
		"both causes":                             {"v1.30.14", "Pv1.31.0", static(true, ""), "kept by steadylet (step 2)", ""},
		"one that steadylet can't keep":           {"v1.35.4", "Pv1.36.3", recreated, "restarts", "it is a link"},
		"with a UID of its own":                   {"v1.35.4", "v1.36.3", static(false, ""), "kept", ""},
		"with a UID, over the change of the hash": {"v1.30.14", "v1.31.0", static(false, ""), "restarts", "image and name"},
		"a minor version that changed nothing":    {"v1.19.16", "v1.20.2", static(true, ""), "kept", ""},
		"1.29 for some":                           {"v1.28.15", "v1.29.6", static(true, "spec.volumes.projected.sources"), "restarts", "with spec.volumes.projected.sources"},
		"1.29 not for others":                     {"v1.28.15", "v1.29.6", static(true, "spec.volumes.emptyDir"), "kept", ""},
		"1.29 for nobody knows whom":              {"v1.28.15", "v1.29.6", unseen, "unknown", "depends on its manifest"},
		"a static pod, from patched to stock":     {"Pv1.36.3", "v1.37.2", static(true, ""), "unknown", "an older version made up"},
		"a static pod on the way back":            {"Pv1.36.3", "Pv1.31.0", static(true, ""), "kept by steadylet", ""},
	} {
		t.Run(name, func(t *testing.T) {
			u := predict.Upgrade{From: version(t, test.from), To: version(t, test.to), Now: time.Unix(1_700_000_000, 0)}
			got := u.Pod(test.pod)
			if len(got) != 1 || got[0].String() != test.want || !strings.Contains(got[0].Reason, test.reason) {
				t.Errorf("got %v (%s), want %s (%s)", got, got[0].Reason, test.want, test.reason)
			}
		})
	}
}

// What a patched kubelet has recorded counts: an adopted container is judged by its entry.
func TestForecastGoesByTheRecord(t *testing.T) {
	start := time.Unix(1_600_000_000, 0)
	state := statefile.State{}.Started("v1.36.3+steadylet.0a1b2c3d", start)
	state.Containers = map[string]statefile.Adopted{"kept-before": {
		Fingerprint: "77", Hash: "88", HashedBy: "v1.36.3+steadylet.0a1b2c3d",
	}}
	u := predict.Upgrade{From: version(t, "Pv1.36.3"), To: version(t, "Pv1.37.2"), State: state, Now: start.Add(time.Hour)}
	pod := predict.Pod{Containers: []predict.Container{{
		Name: "app", Kind: predict.Regular, Image: "app:v2", Spec: []byte(plainSpec), ID: "kept-before", Annotated: hash(7), Exact: true,
	}}}
	got := u.Pod(pod)[0]
	if got.Verdict != predict.Restarts || !strings.Contains(got.Reason, "another image") {
		t.Errorf("got %v (%s), want a restart for its image", got, got.Reason)
	}
}

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]predict.Version{
		"v1.30.14":                   {Text: "v1.30.14", Minor: 30},
		"1.30.14":                    {Text: "v1.30.14", Minor: 30},
		"v1.31.0+steadylet":          {Text: "v1.31.0+steadylet", Minor: 31, Patched: true},
		"v1.31.0+steadylet.0a1b2c3d": {Text: "v1.31.0+steadylet.0a1b2c3d", Minor: 31, Patched: true},
		"v1.31.0+k3s1":               {Text: "v1.31.0+k3s1", Minor: 31},
		"v1.31.0-eks-1a2b3c4":        {Text: "v1.31.0-eks-1a2b3c4", Minor: 31},
	} {
		got, err := predict.ParseVersion(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v, %s", text, err, diff)
		}
	}
	for _, text := range []string{"", "v1.31", "1.31", "v2.0.0", "v1.31.0 ", "v1.99999.0", "latest", "v1.31.0\n"} {
		if got, err := predict.ParseVersion(text); err == nil {
			t.Errorf("%q gives %v", text, got)
		}
	}
}
