package upgrade

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/internal/predict"
)

func TestCheck(t *testing.T) {
	stock, patched := Kubelet{}, Kubelet{Patched: true}
	kept := Row{Container: "a/b", Expected: Kept}
	restarted := Row{Container: "c/d", Expected: Restarts, After: []string{"x"}}
	for name, test := range map[string]struct {
		path []Kubelet
		rows []Row
		want []string
	}{
		"control":                       {[]Kubelet{stock, stock}, []Row{kept, restarted}, nil},
		"control that replaced nothing": {[]Kubelet{stock, stock}, []Row{kept}, []string{"proves nothing"}},
		"patched that replaced nothing": {[]Kubelet{stock, patched}, []Row{kept}, nil},
		"every deviation is listed": {[]Kubelet{stock, patched}, []Row{
			{Container: "a/b", Expected: Kept, After: []string{"x"}}, restarted, {Container: "e/f", Expected: Restarts, Reason: edited},
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
	result := &Result{
		Scenario: Scenario{Name: "plain", Summary: "nothing"},
		Path:     []Kubelet{{Version: version(t, "v1.30.14")}, {Version: version(t, "v1.31.0"), Patched: true}},
		Rows: []Row{
			{Container: "a/b", Expected: Kept, Before: "0123456789abcdef", After: []string{"fedcba9876543210"}},
			{Container: "c/d", Expected: Kept, Before: "aaaa"},
			{Container: "e/f", Expected: Kept, Before: "bbbb", Forecast: &Forecasts{Asked: predict.Forecast{Verdict: predict.KeptBySteadylet, Step: 2}}},
			{Container: "g/h", Expected: Kept, Before: "cccc", Forecast: &Forecasts{Asked: predict.Forecast{Verdict: predict.Restarts, Reason: "so"}}},
		},
	}
	var out bytes.Buffer
	WriteRun(&out, result)
	WriteSummary(&out, []*Result{result})
	for _, want := range []string{
		"v1.30.14 (stock) -> v1.31.0 (patched), scenario plain (nothing): **failed** in 0s",
		"| a/b |  | kept | restarted | 0123456789ab | fedcba987654 | **restarted without need** |",
		"| c/d |  | kept | kept | aaaa | aaaa |  |",
		"| e/f | kept by steadylet (step 2) | kept | kept | bbbb | bbbb | **was not forecast, from the kubelet's list of pods** |",
		"| g/h | restarts | kept | kept | cccc | cccc | **was forecast as restarts (so)** |",
		"| v1.30.14 (stock) -> v1.31.0 (patched) | plain | 4 | 0 | 1 | **failed** |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line %q in\n%s", want, &out)
		}
	}
}

// What a scenario lacks is said before anything starts.
func TestRunRefuses(t *testing.T) {
	stock, patched := Kubelet{Version: version(t, "v1.30.14")}, Kubelet{Version: version(t, "v1.31.0"), Patched: true}
	for name, test := range map[string]struct {
		options Options
		want    string
	}{
		"rollback": {Options{From: stock, To: patched}, "both sides"},
		"lost":     {Options{From: stock, To: stock}, "patched new kubelet"},
		"hops":     {Options{From: stock, To: patched}, "a kubelet between"},
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
		"patched":                  {"Kubernetes v1.31.0+steadylet.00000000", true, ""},
		"stock said to be patched": {"Kubernetes v1.31.0", true, "should be v1.31.0 (patched)"},
		"patched said to be stock": {"Kubernetes v1.31.0+steadylet.00000000", false, "should be v1.31.0 (stock)"},
		"another version":          {"Kubernetes v1.31.1", false, "says that it is v1.31.1"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte("#!/bin/sh\necho "+test.says+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			err := Kubelet{Path: path, Version: version(t, "v1.31.0"), Patched: test.patched}.check(t.Context())
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
