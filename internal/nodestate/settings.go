package nodestate

import (
	"errors"
	"strings"

	"github.com/steadylet/steadylet/internal/cri"
	"github.com/steadylet/steadylet/internal/kubeletconf"
	"github.com/steadylet/steadylet/internal/kubeletproc"
)

// DefaultRootDir is the kubelet's own default.
const DefaultRootDir = "/var/lib/kubelet"

// Settings is where a kubelet finds and puts things, and what it calls its node.
type Settings struct {
	RootDir, Endpoint, NodeName string
	// ManifestPath is that of static pods, or empty when the kubelet has none.
	ManifestPath string
	// ManifestURL is where it asks for more of them, or empty. It may hold a secret.
	ManifestURL string
}

// Overrides is what the caller says instead of the kubelet. What is empty, or nil,
// is not said.
type Overrides struct {
	RootDir, Endpoint, NodeName string
	ManifestPath                *string
}

// Resolve works the settings out in the kubelet's order: the caller, the kubelet's
// command line, its configuration, its defaults.
func Resolve(o Overrides, flags kubeletproc.Flags, config kubeletconf.Config, hostname string) (Settings, error) {
	s := Settings{
		RootDir:      first(o.RootDir, flags.RootDir, DefaultRootDir),
		Endpoint:     first(o.Endpoint, flags.Endpoint, config.Endpoint, cri.DefaultEndpoint),
		NodeName:     nodeName(first(o.NodeName, flags.Hostname, hostname)),
		ManifestPath: first(flags.ManifestPath, config.StaticPodPath),
		ManifestURL:  first(flags.ManifestURL, config.StaticPodURL),
	}
	if o.ManifestPath != nil {
		s.ManifestPath = *o.ManifestPath
	}
	if s.NodeName == "" {
		return Settings{}, errors.New("this host has no name: say with --node-name what the node is called")
	}
	return s, nil
}

// nodeName is a host's name as the kubelet writes it (GetHostname,
// k8s.io/component-helpers/node/util).
func nodeName(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

func first(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}
