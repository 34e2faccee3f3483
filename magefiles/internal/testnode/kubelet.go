package testnode

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// KubeletPlace says where a kubelet of a run finds and puts things.
type KubeletPlace struct {
	RootDir, ConfigFile, ManifestDir, CertDir, PluginDir, LogDir string
	// CgroupRoot is the control group of its pods, from the root ("/name").
	CgroupRoot string
	// Endpoint is containerd's, "unix:///…".
	Endpoint string
	// Kubeconfig names an API server; without one the kubelet is standalone.
	Kubeconfig string
	// Port and HealthPort are on loopback.
	Port, HealthPort int
	// Verbosity is that of the log; 0 is 2.
	Verbosity int
	// Environment is what is set for it besides this process's, as in "NAME=value".
	Environment []string
}

// NodeName is what every kubelet of a run calls its node.
const NodeName = "steadylet"

// Flags returns the kubelet's command line. The runtime moved from
// flags to the configuration in 1.27 (pkg/kubelet/apis/config/types.go,
// ContainerRuntimeEndpoint), and was chosen by name before 1.24
// (cmd/kubelet/app/options/container_runtime.go).
func (p KubeletPlace) Flags(v kubever.Version) []string {
	flags := []string{"--root-dir=" + p.RootDir, "--config=" + p.ConfigFile, "--cert-dir=" + p.CertDir, "--hostname-override=" + NodeName,
		fmt.Sprintf("-v=%d", cmp.Or(p.Verbosity, 2))}
	if p.Kubeconfig != "" {
		flags = append(flags, "--kubeconfig="+p.Kubeconfig)
	}
	if v.Minor < 27 {
		flags = append(flags, "--container-runtime-endpoint="+p.Endpoint)
	}
	if v.Minor < 24 {
		flags = append(flags, "--container-runtime=remote")
	}
	return flags
}

// Config returns the KubeletConfiguration (kubelet.config.k8s.io/v1beta1) of a
// kubelet that needs no swap setting and no free disk, and that keeps
// its hands off the host's firewall and off pods that aren't its own.
func (p KubeletPlace) Config(v kubever.Version) ([]byte, error) {
	config := map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"address": "127.0.0.1", "port": p.Port, "healthzBindAddress": "127.0.0.1", "healthzPort": p.HealthPort,
		"staticPodPath": p.ManifestDir, "fileCheckFrequency": "1s", "syncFrequency": "2s",
		"authentication": map[string]any{"anonymous": map[string]any{"enabled": true}, "webhook": map[string]any{"enabled": false}},
		"authorization":  map[string]any{"mode": "AlwaysAllow"},
		"cgroupDriver":   "cgroupfs", "cgroupsPerQOS": true, "cgroupRoot": p.CgroupRoot,
		"makeIPTablesUtilChains": false, "volumePluginDir": p.PluginDir,
		"enforceNodeAllocatable": []string{}, "failSwapOn": false,
		"evictionHard": map[string]string{"memory.available": "1Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
	}
	if v.Minor >= 25 { // a feature gate before
		config["localStorageCapacityIsolation"] = false
	}
	if v.Minor >= 30 {
		config["podLogsDir"] = p.LogDir
	}
	if v.Minor >= 27 {
		config["containerRuntimeEndpoint"] = p.Endpoint
	}
	if v.Minor >= 31 {
		config["failCgroupV1"] = false
	}
	data, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the kubelet's configuration: %w", err)
	}
	return data, nil
}
