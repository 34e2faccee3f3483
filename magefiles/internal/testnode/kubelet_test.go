package testnode

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

var place = KubeletPlace{
	RootDir: "/r", ConfigFile: "/c", ManifestDir: "/m", CertDir: "/p",
	PluginDir: "/v", LogDir: "/l", CgroupRoot: "/g", Endpoint: "unix:///s", Port: 1, HealthPort: 2,
}

// Where the runtime is named, and which fields there are, differs between
// versions: a kubelet refuses flags and fields that it does not know.
func TestFlagsAndConfigByVersion(t *testing.T) {
	for _, test := range []struct {
		minor                            int
		remote, endpointFlag             bool
		endpointField, isolation, cgroup bool
		logs                             bool
	}{
		{20, true, true, false, false, false, false},
		{23, true, true, false, false, false, false},
		{24, false, true, false, false, false, false},
		{25, false, true, false, true, false, false},
		{26, false, true, false, true, false, false},
		{27, false, false, true, true, false, false},
		{29, false, false, true, true, false, false},
		{30, false, false, true, true, false, true},
		{31, false, false, true, true, true, true},
		{37, false, false, true, true, true, true},
	} {
		v := kubever.Version{Major: 1, Minor: test.minor}
		flags := place.Flags(v)
		data, err := place.Config(v)
		if err != nil {
			t.Fatal(err)
		}
		var config map[string]any
		if err := json.Unmarshal(data, &config); err != nil {
			t.Fatal(err)
		}
		field := func(name string) bool { _, ok := config[name]; return ok }
		for what, is := range map[string][2]bool{
			"flag container-runtime":              {slices.Contains(flags, "--container-runtime=remote"), test.remote},
			"flag container-runtime-endpoint":     {slices.Contains(flags, "--container-runtime-endpoint=unix:///s"), test.endpointFlag},
			"field containerRuntimeEndpoint":      {field("containerRuntimeEndpoint"), test.endpointField},
			"field localStorageCapacityIsolation": {field("localStorageCapacityIsolation"), test.isolation},
			"field failCgroupV1":                  {field("failCgroupV1"), test.cgroup},
			"field podLogsDir":                    {field("podLogsDir"), test.logs},
		} {
			if is[0] != is[1] {
				t.Errorf("1.%d: %s is there: %t, want %t", test.minor, what, is[0], is[1])
			}
		}
		if config["cgroupRoot"] != "/g" || config["makeIPTablesUtilChains"] != false {
			t.Errorf("1.%d: the kubelet would touch the host's pods or its firewall: %s", test.minor, data)
		}
	}
}

func TestImagesAreAFunctionOfTheProgram(t *testing.T) {
	first, err := imageArchive([]byte("program"), images...)
	if err != nil {
		t.Fatal(err)
	}
	second, err := imageArchive([]byte("program"), images...)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("two archives of one program differ (%v)", err)
	}
}

func TestRequire(t *testing.T) {
	if os.Geteuid() != 0 {
		if err := Require(); !errors.Is(err, ErrNotRoot) {
			t.Errorf("got %v, want ErrNotRoot", err)
		}
		return
	}
	programs := []string{"containerd", "containerd-shim-runc-v2", "ctr", "runc", "mount"}
	for i, want := range []string{"containerd", "containerd", "containerd", "runc", "mount"} {
		dir := t.TempDir()
		for _, there := range programs[:i] {
			if err := os.WriteFile(filepath.Join(dir, there), nil, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("PATH", dir)
		var missing *MissingError
		if err := Require(); !errors.As(err, &missing) || missing.Package != want || missing.Program != programs[i] {
			t.Errorf("without %s: got %v, want a *MissingError that names the package %s", programs[i], err, want)
		}
	}
}
