package upgrade

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/predict"
)

func TestVerdictsIn(t *testing.T) {
	got := verdictsIn(`I1128 23:37:55.126340   32510 saving.go:28] "Steadylet recorded the start of the kubelet" path="/a"
I1128 23:37:56.143797   32510 steadylet.go:172] "Steadylet kept the UID of a static pod" pod="ns/static-steadylet" podUID="b6" path="/m/static.json" reason="it runs"
I1128 23:37:56.498456   32510 report.go:182] "Steadylet kept a container whose hash moved" pod="ns/static-steadylet" podUID="b6" containerName="app" containerID="8a355d" step=2 reason="the hash on it" createdUnder=""
I1128 23:37:56.498456   32510 report.go:182] "Steadylet kept a container whose hash moved" pod="ns/static-steadylet" podUID="b6" containerName="app" containerID="8a355d" step=3 reason="its spec is" createdUnder=""
W1128 23:37:56.498456   32510 report.go:178] Steadylet kept a container whose hash moved without proof: pod="/" podUID="" containerName="app" containerID="77aa" step=4 reason="not proven" createdUnder="v1.30.14"
I1128 23:37:56.498456   32510 report.go:182] "Steadylet found a container changed" pod="ns/plain" podUID="c7" containerName="app" containerID="66bb" step=5 reason="another" createdUnder=""
`)
	want := verdicts{map[string][]int{"8a355d": {2, 3}, "77aa": {4}}, map[string]bool{"static": true}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(verdicts{})); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	if got.count() != 3 {
		t.Errorf("counted %d, want 3", got.count())
	}
}

func TestJudgedVerdicts(t *testing.T) {
	kept := func(step int) *predict.Forecast {
		return &predict.Forecast{Verdict: predict.KeptBySteadylet, Step: step}
	}
	asked := &predict.Forecast{Verdict: predict.Kept}
	for name, test := range map[string]struct {
		judged judged
		want   string
	}{
		"as forecast":                       {judged{said: []int{2}, forecast: kept(2), exact: true}, ""},
		"nobody looked":                     {judged{forecast: kept(2)}, "was it looked at?"},
		"nobody looked, for it was touched": {judged{forecast: kept(2), touched: true}, ""},
		"by its UID only":                   {judged{forecast: kept(0)}, ""},
		"another step":                      {judged{said: []int{3}, forecast: kept(2), exact: true}, "says steps [3]"},
		"another step, after more starts":   {judged{said: []int{3}, forecast: kept(2)}, ""},
		"twice":                             {judged{said: []int{2, 2}, forecast: kept(2), exact: true}, "says steps [2 2]"},
		"stock keeps it":                    {judged{forecast: asked}, ""},
		"a verdict where the hash is equal": {judged{said: []int{2}, forecast: asked}, "kept by any kubelet"},
		"without proof, as forecast":        {judged{said: []int{4}, forecast: kept(4), exact: true, drops: true}, ""},
		"without proof, and there is one":   {judged{said: []int{4}, forecast: kept(2), drops: true}, "without proof"},
		"without proof, and it was edited":  {judged{said: []int{4}, forecast: kept(2), touched: true}, "without proof"},
		"without proof, and it was edited, where fields are dropped": {judged{said: []int{4}, forecast: asked, touched: true, drops: true}, ""},
		"without proof, in between":                                  {judged{said: []int{4}, drops: true}, ""},
		"without proof, nothing is dropped":                          {judged{said: []int{2, 4}}, "without proof"},
		"has to restart":                                             {judged{forecast: &predict.Forecast{Verdict: predict.Restarts}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.judged.check()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestDrops(t *testing.T) {
	path := func(texts ...string) (kubelets []Kubelet) {
		for _, text := range texts {
			kubelets = append(kubelets, Kubelet{Version: version(t, text)})
		}
		return kubelets
	}
	for _, test := range []struct {
		path []Kubelet
		want []bool
	}{
		{path("v1.20.2", "v1.30.14", "v1.36.3"), []bool{false, false, false}},
		{path("v1.30.14", "v1.20.2", "v1.29.6", "v1.30.14"), []bool{false, true, true, false}},
		{path("v1.36.3", "v1.30.14"), []bool{false, false}}, // every kubelet computes the hash of 1.36
	} {
		for i, want := range test.want {
			if got := drops(test.path, i); got != want {
				t.Errorf("%v, kubelet %d: got %t", test.path, i, got)
			}
		}
	}
}

// What is touched under the last kubelet was there when it started.
func TestTouchedBefore(t *testing.T) {
	for name, want := range map[string]bool{"edit-before": true, "edit-during": true, "edit-after": false, "plain": false} {
		found, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := found[0].touchedBefore(plainApp, 2); got != want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
