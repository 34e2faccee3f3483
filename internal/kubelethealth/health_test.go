package kubelethealth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/kubeletconf"
	"github.com/steadylet/steadylet/internal/kubelethealth"
	"github.com/steadylet/steadylet/internal/kubeletproc"
)

func TestURL(t *testing.T) {
	port, off := 10300, 0
	for name, test := range map[string]struct {
		args   string
		config kubeletconf.Config
		want   string
	}{
		"defaults":        {"kubelet", kubeletconf.Config{}, "http://127.0.0.1:10248/healthz"},
		"configuration":   {"kubelet", kubeletconf.Config{HealthzAddress: "10.0.0.7", HealthzPort: &port}, "http://10.0.0.7:10300/healthz"},
		"flags":           {"kubelet --healthz-port=10400 --healthz-bind-address 10.0.0.8", kubeletconf.Config{HealthzPort: &port}, "http://10.0.0.8:10400/healthz"},
		"everywhere":      {"kubelet", kubeletconf.Config{HealthzAddress: "0.0.0.0"}, "http://127.0.0.1:10248/healthz"},
		"everywhere, v6":  {"kubelet", kubeletconf.Config{HealthzAddress: "::"}, "http://[::1]:10248/healthz"},
		"switched off":    {"kubelet", kubeletconf.Config{HealthzPort: &off}, ""},
		"off by the flag": {"kubelet --healthz-port 0", kubeletconf.Config{HealthzPort: &port}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := kubelethealth.URL(strings.Fields(test.args), test.config)
			if err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
	if got, err := kubelethealth.URL([]string{"kubelet", "--healthz-port=x"}, kubeletconf.Config{}); err == nil || got != "" {
		t.Errorf("a port that is no number: got %q, %v", got, err)
	}
}

func TestAsk(t *testing.T) {
	answer := func(status int, text string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text)) // the client may have gone
		}))
		t.Cleanup(server.Close)
		return server.URL + "/healthz"
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, test := range map[string]struct {
		url, says string
	}{
		"healthy":         {answer(http.StatusOK, "ok"), ""},
		"not asked":       {"", ""},
		"sick":            {answer(http.StatusInternalServerError, "syncloop failed"), "syncloop failed"},
		"elsewhere":       {answer(http.StatusFound, ""), "302"},
		"nobody listens":  {gone.URL, "refused"},
		"no such address": {"http://[", "missing ']'"},
	} {
		t.Run(name, func(t *testing.T) {
			err := kubelethealth.Ask(t.Context(), test.url)
			if test.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, kubelethealth.ErrUnhealthy) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
}

// On a host without that program, nothing is waited for longer than said.
func TestWaitForNone(t *testing.T) {
	choice := kubelethealth.Choice{Program: t.TempDir() + "/kubelet"}
	if _, err := kubelethealth.Wait(t.Context(), kubeletproc.Here(), choice, time.Millisecond); !errors.Is(err, kubelethealth.ErrUnhealthy) || !strings.Contains(err.Error(), "none runs") {
		t.Errorf("got %v", err)
	}
}
