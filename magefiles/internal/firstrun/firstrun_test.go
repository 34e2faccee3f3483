package firstrun

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/statefile"
)

var place = kubeletPlace{
	RootDir: "/r", ConfigFile: "/c", ManifestDir: "/m", CertDir: "/p", Endpoint: "unix:///s", Port: 1, HealthPort: 2,
}

// Where the runtime is named, and which fields there are, differs between
// versions: a kubelet refuses flags and fields that it does not know.
func TestFlagsAndConfigByVersion(t *testing.T) {
	for _, test := range []struct {
		minor                            int
		remote, endpointFlag             bool
		endpointField, isolation, cgroup bool
	}{
		{20, true, true, false, false, false},
		{23, true, true, false, false, false},
		{24, false, true, false, false, false},
		{25, false, true, false, true, false},
		{26, false, true, false, true, false},
		{27, false, false, true, true, false},
		{30, false, false, true, true, false},
		{31, false, false, true, true, true},
		{37, false, false, true, true, true},
	} {
		v := kubever.Version{Major: 1, Minor: test.minor}
		flags := place.flags(v)
		data, err := place.config(v)
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
		} {
			if is[0] != is[1] {
				t.Errorf("1.%d: %s is there: %t, want %t", test.minor, what, is[0], is[1])
			}
		}
	}
}

func TestImagesAreAFunctionOfTheProgram(t *testing.T) {
	first, err := imageArchive([]byte("program"), "a:v1", "b:v1")
	if err != nil {
		t.Fatal(err)
	}
	second, err := imageArchive([]byte("program"), "a:v1", "b:v1")
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("two archives of one program differ (%v)", err)
	}
}

func TestCheck(t *testing.T) {
	const version = "v1.36.3+steadylet.00000000"
	good := func() *Report {
		now := time.Now()
		return &Report{
			Version: version, Started: now, ContainerID: "a", ContainerIDAfter: "a",
			State:   &statefile.State{Kubelet: statefile.Kubelet{Version: version, StartTime: now}},
			Reading: Reading{Name: containerName, Image: appImage, Readable: true},
		}
	}
	if err := good().Check(version); err != nil {
		t.Fatalf("a good report fails: %v", err)
	}
	for name, test := range map[string]struct {
		spoil func(*Report)
		want  string
	}{
		"another version":   {func(r *Report) { r.Version = "v1.36.3" }, "says it is"},
		"no state":          {func(r *Report) { r.State = nil }, "no state file"},
		"state of another":  {func(r *Report) { r.State.Kubelet.Version = "v1.36.3" }, "of version"},
		"started long ago":  {func(r *Report) { r.State.Kubelet.StartTime = r.Started.Add(-time.Hour) }, "started at"},
		"started later":     {func(r *Report) { r.State.Kubelet.StartTime = r.Started.Add(time.Hour) }, "started at"},
		"unreadable":        {func(r *Report) { r.Reading.Readable = false }, "can't read"},
		"another container": {func(r *Report) { r.Reading.Name = "x" }, "read container"},
		"replaced":          {func(r *Report) { r.ContainerIDAfter = "b" }, "replaced"},
		"never ran":         {func(r *Report) { r.ContainerID, r.ContainerIDAfter = "", "" }, "replaced"},
	} {
		t.Run(name, func(t *testing.T) {
			report := good()
			test.spoil(report)
			if err := report.Check(version); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// A binary that is no kubelet: a clear error, and nothing is left behind.
func TestRunRefuses(t *testing.T) {
	script := func(text string) string {
		path := filepath.Join(t.TempDir(), "kubelet")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, test := range map[string]struct{ kubelet, want string }{
		"missing":           {"/nonexistent/kubelet", "no such file"},
		"fails":             {script("echo no such flag >&2; exit 1\n"), "no such flag"},
		"ends once started": {script("test $# = 1 && exit 0; echo cannot run here >&2; exit 1\n"), "cannot run here"},
	} {
		t.Run(name, func(t *testing.T) {
			if os.Geteuid() != 0 {
				t.Skip("needs root, to run containerd")
			}
			// Shorter than t.TempDir, for the sake of the sockets.
			temporary, err := os.MkdirTemp("", "s-")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(temporary)
			t.Setenv("TMPDIR", temporary)
			_, err = Run(t.Context(), Options{Kubelet: test.kubelet, Version: kubever.Version{Major: 1, Minor: 36}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if left, err := os.ReadDir(temporary); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

func TestMissingContainerd(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := startContainerd(t.Context(), filepath.Join(t.TempDir(), "containerd"))
	var missing *MissingError
	if !errors.As(err, &missing) || missing.Package != "containerd" {
		t.Errorf("got %v, want a *MissingError that names the package containerd", err)
	}
}
