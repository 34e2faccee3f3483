// Package kubelethealth asks a kubelet that runs on this node whether it is healthy,
// where its own configuration says that it answers.
package kubelethealth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/steadylet/steadylet/internal/kubeletconf"
	"github.com/steadylet/steadylet/internal/kubeletproc"
)

// The kubelet's own defaults (SetDefaults_KubeletConfiguration,
// pkg/kubelet/apis/config/v1beta1/defaults.go).
const (
	defaultAddress = "127.0.0.1"
	defaultPort    = 10248
)

// askWithin bounds one question.
const askWithin = 5 * time.Second

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1024

// URL returns where a kubelet with that command line (the program included) and
// configuration says whether
// it is healthy, or nothing when that is switched off. Flags win, as in the kubelet.
func URL(args []string, config kubeletconf.Config) (string, error) {
	address, port := config.HealthzAddress, defaultPort
	if config.HealthzPort != nil {
		port = *config.HealthzPort
	}
	if given := kubeletproc.Value(args, "healthz-bind-address"); given != "" {
		address = given
	}
	if given := kubeletproc.Value(args, "healthz-port"); given != "" {
		var err error
		if port, err = strconv.Atoi(given); err != nil {
			return "", fmt.Errorf("the kubelet's --healthz-port: %w", err)
		}
	}
	if port == 0 {
		return "", nil
	}
	// One that listens everywhere is asked on loopback.
	switch ip := net.ParseIP(address); {
	case address == "" || ip != nil && ip.Equal(net.IPv4zero):
		address = defaultAddress
	case ip != nil && ip.IsUnspecified():
		address = net.IPv6loopback.String()
	}
	return "http://" + net.JoinHostPort(address, strconv.Itoa(port)) + "/healthz", nil
}

// ErrUnhealthy means that a kubelet does not say that it is healthy.
var ErrUnhealthy = errors.New("the kubelet is not healthy")

// Ask returns nil if the kubelet says that it is healthy. The error matches
// ErrUnhealthy. An empty url asks nothing.
func Ask(ctx context.Context, url string) error {
	if url == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnhealthy, err)
	}
	// A transport of its own: proxies are for other hosts, connections are not kept.
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return fmt.Errorf("%w: asking %s: %w", ErrUnhealthy, url, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%w: reading the answer of %s: %w", ErrUnhealthy, url, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %s answers %s: %.200q", ErrUnhealthy, url, answer.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
