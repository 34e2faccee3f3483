package doctor

// removedFlag is a flag of the kubelet that is gone from a minor version on. A kubelet
// that is given one does not start.
type removedFlag struct {
	name string
	gone int
}

// removedFlags were found by asking kubelets 1.20.2, 1.30.14, 1.31.0, 1.34.4, 1.36.3
// and 1.37.2 for --help, and by looking in which last minor version
// cmd/kubelet/app/options and pkg/kubelet/config/flags.go name them. Those that they
// do not name are klog's, gone in 1.26 (KEP-2845), and cAdvisor's, gone in 1.37.
func removedFlags() []removedFlag {
	var flags []removedFlag
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
			flags = append(flags, removedFlag{name, since.gone})
		}
	}
	return flags
}
