package doctor

import (
	"fmt"
	"slices"
)

// removed is what kubelets know no more from a minor version on. One that is given it does
// not start.
type removed struct {
	name string
	gone int
}

// removedAmong lists what a node uses that a kubelet of the release does not know, each
// after a prefix.
func (r Release) removedAmong(table []removed, used []string, prefix string) []string {
	var gone []string
	for _, entry := range table {
		if r.From(entry.gone) && slices.Contains(used, entry.name) {
			gone = append(gone, fmt.Sprintf("%s%s (gone in 1.%d)", prefix, entry.name, entry.gone))
		}
	}
	return gone
}

// removedFlags are flags. They were found by asking kubelets 1.20.2, 1.30.14, 1.31.0, 1.34.4, 1.36.3
// and 1.37.2 for --help, and by looking in which last minor version
// cmd/kubelet/app/options and pkg/kubelet/config/flags.go name them. Those that they
// do not name are klog's, gone in 1.26 (KEP-2845), and cAdvisor's, gone in 1.37.
func removedFlags() []removed {
	var flags []removed
	for _, since := range []struct {
		gone  int
		names []string
	}{
		{21, []string{"enable-cadvisor-json-endpoints"}},
		{22, []string{"chaos-chance", "experimental-logging-sanitization", "redirect-container-streaming"}},
		{23, []string{"experimental-bootstrap-kubeconfig", "seccomp-profile-root"}},
		{24, []string{
			"cni-bin-dir", "cni-cache-dir", "cni-conf-dir", "docker-endpoint", "dynamic-config-dir", "experimental-check-node-capabilities-before-mount",
			"image-pull-progress-deadline", "network-plugin", "network-plugin-mtu", "non-masquerade-cidr", "really-crash-for-testing",
		}},
		{25, []string{"experimental-kernel-memcg-notification"}},
		{26, []string{
			"add-dir-header", "alsologtostderr", "log-backtrace-at", "log-dir", "log-file", "log-file-max-size", "logtostderr",
			"one-output", "skip-headers", "skip-log-headers", "stderrthreshold",
		}},
		{27, []string{"container-runtime", "master-service-namespace"}},
		{30, []string{"azure-container-registry-config"}},
		{31, []string{"iptables-drop-bit", "iptables-masquerade-bit", "keep-terminated-pod-volumes"}},
		{34, []string{"cloud-config", "register-schedulable"}},
		{35, []string{"pod-infra-container-image"}},
		{37, []string{
			"application-metrics-count-limit", "boot-id-file", "container-hints", "containerd", "containerd-namespace", "enable-load-reader",
			"event-storage-age-limit", "event-storage-event-limit", "global-housekeeping-interval", "log-cadvisor-usage", "machine-id-file",
		}},
	} {
		for _, name := range since.names {
			flags = append(flags, removed{name, since.gone})
		}
	}
	return flags
}
