package certvalidity_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/certvalidity"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

var now = time.Date(2026, time.November, 24, 0, 0, 0, 0, time.UTC)

func TestCheck(t *testing.T) {
	for name, test := range map[string]struct {
		years certvalidity.Years
		now   time.Time
		says  string
	}{
		"usual":            {certvalidity.Years{Leaf: 10, CA: 30}, now, ""},
		"as stock":         {certvalidity.Years{Leaf: 1, CA: 10}, now, ""},
		"leaf as CA":       {certvalidity.Years{Leaf: 30, CA: 30}, now, ""},
		"longest":          {certvalidity.Years{Leaf: 292, CA: 292}, now, ""},
		"nothing":          {certvalidity.Years{Leaf: 0, CA: 30}, now, "-leafYears=0"},
		"less":             {certvalidity.Years{Leaf: 1, CA: -1}, now, "-caYears=-1"},
		"too long":         {certvalidity.Years{Leaf: 10, CA: 293}, now, "1 to 292"},
		"far too long":     {certvalidity.Years{Leaf: 10, CA: 1 << 40}, now, "1 to 292"},
		"leaf beyond CA":   {certvalidity.Years{Leaf: 31, CA: 30}, now, "more than -caYears=30"},
		"beyond year 9999": {certvalidity.Years{Leaf: 10, CA: 30}, now.AddDate(7950, 0, 0), "certificates end by 9999-12-31"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.years.Check(test.now)
			if test.says == "" && err != nil {
				t.Fatal(err)
			}
			if test.says != "" && (!errors.Is(err, certvalidity.ErrYears) || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("got %v, want ErrYears that says %q", err, test.says)
			}
		})
	}
}

func TestRequest(t *testing.T) {
	number := func(n int) *int { return &n }
	old, recent := kubever.Version{Major: 1, Minor: 30, Patch: 14}, kubever.Version{Major: 1, Minor: 31}
	for name, test := range map[string]struct {
		request certvalidity.Request
		version kubever.Version
		years   *certvalidity.Years
		series  string
		err     error
	}{
		"not asked for":         {certvalidity.Request{Component: "kubeadm"}, old, nil, "", nil},
		"both":                  {certvalidity.Request{Component: "kubeadm", Leaf: number(5), CA: number(20)}, old, &certvalidity.Years{Leaf: 5, CA: 20}, certvalidity.Series, nil},
		"leaf":                  {certvalidity.Request{Component: "kubeadm", Leaf: number(5)}, old, &certvalidity.Years{Leaf: 5, CA: 30}, certvalidity.Series, nil},
		"by the series":         {certvalidity.Request{Component: "kubeadm", Series: certvalidity.Series}, old, &certvalidity.Years{Leaf: 10, CA: 30}, certvalidity.Series, nil},
		"configured":            {certvalidity.Request{Component: "kubeadm", CA: number(40)}, recent, &certvalidity.Years{Leaf: 10, CA: 40}, "none", nil},
		"configured, and none":  {certvalidity.Request{Component: "kubeadm", Series: "none", CA: number(40)}, recent, &certvalidity.Years{Leaf: 10, CA: 40}, "none", nil},
		"configured, patched":   {certvalidity.Request{Component: "kubeadm", Series: certvalidity.Series}, recent, nil, "", certvalidity.ErrRequest},
		"patched, none":         {certvalidity.Request{Component: "kubeadm", Series: "none", CA: number(40)}, old, nil, "", certvalidity.ErrRequest},
		"another series":        {certvalidity.Request{Component: "kubeadm", Series: "restart-suppression", CA: number(40)}, old, nil, "", certvalidity.ErrRequest},
		"another component":     {certvalidity.Request{Component: "kubelet", Leaf: number(5)}, old, nil, "", certvalidity.ErrRequest},
		"the default component": {certvalidity.Request{Component: "kubelet", Series: certvalidity.Series}, old, nil, "", certvalidity.ErrRequest},
		"no years":              {certvalidity.Request{Component: "kubeadm", Leaf: number(0)}, old, nil, "", certvalidity.ErrYears},
		"default CA too short":  {certvalidity.Request{Component: "kubeadm", Leaf: number(50)}, old, nil, "", certvalidity.ErrYears},
	} {
		t.Run(name, func(t *testing.T) {
			years, err := test.request.Years(now)
			series := ""
			if err == nil && years != nil {
				series, err = test.request.SeriesFor(test.version, "none")
			}
			if test.err != nil {
				if !errors.Is(err, test.err) {
					t.Errorf("got %v, want %v", err, test.err)
				}
				return
			}
			if diff := cmp.Diff(test.years, years); diff != "" || series != test.series || err != nil {
				t.Errorf("series %q, error %v, years %s", series, err, diff)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	want := []build.Variable{
		{Package: "k8s.io/client-go/util/cert", Name: "leafYears", Value: "7"},
		{Package: "k8s.io/client-go/util/cert", Name: "caYears", Value: "21"},
	}
	if diff := cmp.Diff(want, certvalidity.Years{Leaf: 7, CA: 21}.Variables()); diff != "" {
		t.Error(diff)
	}
}

// What is written reads back to the years that were asked for, the longest too.
func TestConfiguration(t *testing.T) {
	for _, years := range []certvalidity.Years{{Leaf: 10, CA: 30}, {Leaf: 1, CA: certvalidity.MaxYears}} {
		var read struct {
			APIVersion        string `yaml:"apiVersion"`
			Kind              string `yaml:"kind"`
			KubernetesVersion string `yaml:"kubernetesVersion"`
			Leaf              string `yaml:"certificateValidityPeriod"`
			CA                string `yaml:"caCertificateValidityPeriod"`
		}
		if err := yaml.Unmarshal(years.Configuration(kubever.Version{Major: 1, Minor: 36, Patch: 3}), &read); err != nil {
			t.Fatal(err)
		}
		if read.APIVersion != "kubeadm.k8s.io/v1beta4" || read.Kind != "ClusterConfiguration" || read.KubernetesVersion != "v1.36.3" {
			t.Errorf("read %+v", read)
		}
		for text, want := range map[string]int{read.Leaf: years.Leaf, read.CA: years.CA} {
			if got, err := time.ParseDuration(text); err != nil || got != time.Duration(want)*certvalidity.Year {
				t.Errorf("%s is %s, %v; want %d years", text, got, err, want)
			}
		}
	}
}
