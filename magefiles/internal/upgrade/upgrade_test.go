package upgrade

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/internal/predict"
	"github.com/steadylet/steadylet/internal/programtest"
)

func TestCheck(t *testing.T) {
	stock, patched := Kubelet{}, Kubelet{Patched: true}
	kept := once("a/b", Kept, "")
	restarted := once("c/d", Restarts, edited, "x")
	for name, test := range map[string]struct {
		path []Kubelet
		rows []Row
		want []string
	}{
		"control":                       {[]Kubelet{stock, stock}, []Row{kept, restarted}, nil},
		"control that replaced nothing": {[]Kubelet{stock, stock}, []Row{kept}, []string{"proves nothing"}},
		"patched that replaced nothing": {[]Kubelet{stock, patched}, []Row{kept}, nil},
		"every deviation is listed": {[]Kubelet{stock, patched}, []Row{
			once("a/b", Kept, "", "x"), restarted, once("e/f", Restarts, edited),
		}, []string{"a/b restarted without need", "e/f was not restarted: " + edited}},
	} {
		t.Run(name, func(t *testing.T) {
			err := (&Result{Path: test.path, Rows: test.rows}).Check()
			if (err == nil) != (test.want == nil) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
		})
	}
}

// A run in which the damage did not take place is no proof.
func TestCheckWantsProof(t *testing.T) {
	unproven := errors.New("the last kubelet did not set the damaged state aside")
	err := (&Result{Path: []Kubelet{{Patched: true}}, Unproven: unproven}).Check()
	if !errors.Is(err, unproven) {
		t.Errorf("got %v, want %v", err, unproven)
	}
}

func TestTables(t *testing.T) {
	row := func(name, before string, asked predict.Forecast, after ...string) Row {
		row := once(name, Kept, "", after...)
		row.Before = before
		if asked.Verdict != "" {
			row.Forecast = &Forecasts{Asked: asked}
		}
		return row
	}
	result := &Result{
		Scenario: Scenario{Name: "plain", Summary: "nothing"},
		Path:     []Kubelet{{Version: version(t, "v1.30.14")}, {Version: version(t, "v1.31.0"), Patched: true, series: "0a1b2c3d"}},
		Rows: []Row{
			row("a/b", "0123456789abcdef", predict.Forecast{}, "fedcba9876543210"),
			row("c/d", "aaaa", predict.Forecast{}),
			row("e/f", "bbbb", predict.Forecast{Verdict: predict.KeptBySteadylet, Step: 2}),
			row("g/h", "cccc", predict.Forecast{Verdict: predict.Restarts, Reason: "so"}),
			once("i/j", Restarts, edited, "dddd"),
		},
		Notes: []string{"killed twice"},
	}
	var out bytes.Buffer
	WriteRun(&out, result)
	WriteSummary(&out, []*Result{result})
	for _, want := range []string{
		"v1.30.14 (stock) -> v1.31.0 (patched), scenario plain (nothing): **failed** in 0s",
		"| a/b |  | kept | restarted | 0123456789ab | fedcba987654 | **restarted without need (then)** |",
		"| c/d |  | kept | kept | aaaa | aaaa |  |",
		"| e/f | kept by steadylet (step 2) | kept | kept | bbbb | bbbb | **was not forecast, from the kubelet's list of pods** |",
		"| g/h | restarts | kept | kept | cccc | cccc | **was forecast as restarts (so)** |",
		"| v1.30.14 (stock) -> v1.31.0 (patched) | plain | 5 | 1 | 2 | **failed** | 0a1b2c3d |",
		"| i/j |  | restarts | restarted |  | dddd | then: its image was edited |",
		"\nkilled twice\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line %q in\n%s", want, &out)
		}
	}
}

// What a scenario lacks is said before anything starts.
func TestRunRefuses(t *testing.T) {
	kubelet := func(text string, patched bool) Kubelet { return Kubelet{Version: version(t, text), Patched: patched} }
	stock, patched := kubelet("v1.30.14", false), kubelet("v1.31.0", true)
	for name, test := range map[string]struct {
		options Options
		want    string
	}{
		"rollback":       {Options{From: stock, To: patched}, "both sides"},
		"lost":           {Options{From: stock, To: stock}, "patched new kubelet"},
		"hops":           {Options{From: stock, To: patched}, "a kubelet between"},
		"newer-fields":   {Options{From: kubelet("v1.31.0", false), To: kubelet("v1.36.3", true)}, "fields of the rig's pods that the other one does not"},
		"dropped-fields": {Options{From: kubelet("v1.30.14", true), To: patched}, "these are v1.30.14 (patched) and v1.31.0 (patched)"},
		"resize-policy":  {Options{From: stock, To: patched}, "a new one from 1.33 on"},
		"sidecar-edit":   {Options{From: stock, To: patched}, "a new one from 1.32 on"},
		"killed":         {Options{From: stock, To: kubelet("v1.20.2", true)}, "whose log says"},
	} {
		t.Run(name, func(t *testing.T) {
			scenarios, err := Find(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Run(t.Context(), test.options, scenarios[0]); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestClient(t *testing.T) {
	var got struct{ method, path, contentType, authorization string }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.method, got.path, got.contentType, got.authorization = r.Method, r.URL.Path, r.Header.Get("Content-Type"), r.Header.Get("Authorization")
		if r.URL.Path == "/refused" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		w.Write([]byte(`{"kind":"Pod"}`)) //nolint:errcheck // a test's answer
	}))
	defer server.Close()
	api := newClient(server.URL, "secret", nil)
	var answer struct{ Kind string }
	if err := api.get(t.Context(), "/pods", &answer); err != nil || answer.Kind != "Pod" || got.authorization != "Bearer secret" {
		t.Errorf("got %+v, %v for %+v", answer, err, got)
	}
	if err := api.patch(t.Context(), "/pods/a", object{}); err != nil || got.method != "PATCH" || got.contentType != "application/strategic-merge-patch+json" {
		t.Errorf("got %v for %+v", err, got)
	}
	var status *statusError
	if err := api.create(t.Context(), "/refused", object{}); !errors.As(err, &status) || status.Code != http.StatusForbidden || !strings.Contains(status.Body, "no") {
		t.Errorf("got %v, want a *statusError with the answer", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := api.get(ended, "/pods", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the interruption", err)
	}
}

// A binary that is not what it is said to be would make every figure wrong.
func TestKubeletIsWhatItIsSaidToBe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubelet")
	for name, test := range map[string]struct {
		says    string
		patched bool
		want    string
	}{
		"stock":                    {"Kubernetes v1.31.0", false, ""},
		"patched":                  {"Kubernetes v1.31.0+steadylet.0a1b2c3d", true, ""},
		"stock said to be patched": {"Kubernetes v1.31.0", true, "should be v1.31.0 (patched)"},
		"patched said to be stock": {"Kubernetes v1.31.0+steadylet.00000000", false, "should be v1.31.0 (stock)"},
		"another version":          {"Kubernetes v1.31.1", false, "says that it is v1.31.1"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := programtest.WriteKubelet(path, "echo "+test.says+"\n"); err != nil {
				t.Fatal(err)
			}
			series, err := Kubelet{Path: path, Version: version(t, "v1.31.0"), Patched: test.patched}.check(t.Context())
			if wanted := test.patched && err == nil; wanted != (series == "0a1b2c3d") {
				t.Errorf("the series is said to be %q", series)
			}
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
