// Package kubeletconf reads from a KubeletConfiguration what the node command goes
// by, and nothing else of it.
package kubeletconf

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/steadylet/steadylet/internal/readfile"
)

// Config is what is read. What the files do not say is empty.
type Config struct {
	// StaticPodPath is absolute.
	StaticPodPath string
	// StaticPodURL is where the kubelet asks for static pods. It may hold a secret.
	StaticPodURL string
	// Endpoint is the container runtime's. Kubelets before 1.27 do not read it.
	Endpoint string
	// CgroupDriver is "systemd" or "cgroupfs", CgroupRoot the control group of all pods.
	CgroupDriver, CgroupRoot string
	// CgroupsPerQOS is nil where the default counts, which is true.
	CgroupsPerQOS *bool
	// CPUManagerPolicy and MemoryManagerPolicy are as written: "static", "None".
	CPUManagerPolicy, MemoryManagerPolicy string
	// FailCgroupV1 is nil where the version's default counts.
	FailCgroupV1 *bool
	// RotateCertificates is nil where the default counts, which is false.
	RotateCertificates *bool
	// FeatureGates are those that are set.
	FeatureGates map[string]bool
	// HealthzAddress and HealthzPort are where it says whether it is healthy; the
	// port 0 switches that off. Nil is not said.
	HealthzAddress string
	HealthzPort    *int
}

// maxSize bounds a configuration, in bytes.
const maxSize = 1 << 20

// ErrKind means that a file is something else than a KubeletConfiguration.
var ErrKind = errors.New("not a KubeletConfiguration")

// Load reads the configuration file and the drop-ins in dir, in the kubelet's order:
// the later one counts. Either may be empty.
func Load(file, dir string) (Config, error) {
	var config Config
	files, err := dropIns(dir)
	if err != nil {
		return Config{}, err
	}
	if file != "" {
		files = append([]string{file}, files...)
	}
	for _, path := range files {
		data, err := readfile.Read(path, maxSize)
		if err != nil {
			return Config{}, fmt.Errorf("the kubelet's configuration: %w", err)
		}
		next, err := Parse(data, filepath.Dir(path))
		if err != nil {
			return Config{}, fmt.Errorf("the kubelet's configuration %s: %w", path, err)
		}
		config = config.with(next)
	}
	return config, nil
}

// dropIns lists the files that the kubelet merges (mergeKubeletConfigurations,
// cmd/kubelet/app/server.go): those named *.conf, below the folder, by path.
func dropIns(dir string) ([]string, error) {
	if dir == "" {
		return nil, nil
	}
	var files []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(path) == ".conf" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the kubelet's drop-in configuration (--config-dir): %w", err)
	}
	return files, nil
}

func (c Config) with(next Config) Config {
	for _, field := range []struct{ now, next *string }{
		{&c.StaticPodPath, &next.StaticPodPath}, {&c.StaticPodURL, &next.StaticPodURL}, {&c.Endpoint, &next.Endpoint},
		{&c.CgroupDriver, &next.CgroupDriver}, {&c.CgroupRoot, &next.CgroupRoot},
		{&c.CPUManagerPolicy, &next.CPUManagerPolicy}, {&c.MemoryManagerPolicy, &next.MemoryManagerPolicy},
		{&c.HealthzAddress, &next.HealthzAddress},
	} {
		if *field.next != "" {
			*field.now = *field.next
		}
	}
	if next.FailCgroupV1 != nil {
		c.FailCgroupV1 = next.FailCgroupV1
	}
	if next.CgroupsPerQOS != nil {
		c.CgroupsPerQOS = next.CgroupsPerQOS
	}
	if next.RotateCertificates != nil {
		c.RotateCertificates = next.RotateCertificates
	}
	if next.HealthzPort != nil {
		c.HealthzPort = next.HealthzPort
	}
	if len(next.FeatureGates) > 0 {
		gates := map[string]bool{}
		maps.Copy(gates, c.FeatureGates)
		maps.Copy(gates, next.FeatureGates)
		c.FeatureGates = gates
	}
	return c
}

// Parse reads one file. Relative paths in it are relative to dir, its folder.
func Parse(data []byte, dir string) (Config, error) {
	var read struct {
		APIVersion     string          `yaml:"apiVersion"`
		Kind           string          `yaml:"kind"`
		StaticPodPath  string          `yaml:"staticPodPath"`
		StaticPodURL   string          `yaml:"staticPodURL"`
		Endpoint       string          `yaml:"containerRuntimeEndpoint"`
		CgroupDriver   string          `yaml:"cgroupDriver"`
		CgroupRoot     string          `yaml:"cgroupRoot"`
		CgroupsPerQOS  *bool           `yaml:"cgroupsPerQOS"`
		CPUPolicy      string          `yaml:"cpuManagerPolicy"`
		MemoryPolicy   string          `yaml:"memoryManagerPolicy"`
		FailCgroupV1   *bool           `yaml:"failCgroupV1"`
		Rotate         *bool           `yaml:"rotateCertificates"`
		FeatureGates   map[string]bool `yaml:"featureGates"`
		HealthzAddress string          `yaml:"healthzBindAddress"`
		HealthzPort    *int            `yaml:"healthzPort"`
	}
	if err := yaml.Unmarshal(data, &read); err != nil {
		return Config{}, fmt.Errorf("%w: it is no YAML or JSON of one", ErrKind)
	}
	if read.Kind != "KubeletConfiguration" || !strings.HasPrefix(read.APIVersion, "kubelet.config.k8s.io/") {
		return Config{}, fmt.Errorf("%w: it says kind %q of %q", ErrKind, read.Kind, read.APIVersion)
	}
	if read.StaticPodPath != "" && !filepath.IsAbs(read.StaticPodPath) {
		read.StaticPodPath = filepath.Join(dir, read.StaticPodPath)
	}
	return Config{
		StaticPodPath: read.StaticPodPath, StaticPodURL: read.StaticPodURL, Endpoint: read.Endpoint, CgroupDriver: read.CgroupDriver, CgroupRoot: read.CgroupRoot, CgroupsPerQOS: read.CgroupsPerQOS,
		CPUManagerPolicy: read.CPUPolicy, MemoryManagerPolicy: read.MemoryPolicy,
		FailCgroupV1: read.FailCgroupV1, RotateCertificates: read.Rotate, FeatureGates: read.FeatureGates,
		HealthzAddress: read.HealthzAddress, HealthzPort: read.HealthzPort,
	}, nil
}
