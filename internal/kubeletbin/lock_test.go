package kubeletbin_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/internal/kubeletbin"
)

const lockPath = "testdata/patches/kubernetes.lock.yaml"

// locked is the manifest of a kubelet that the lock and the series of testdata make.
func locked(t *testing.T) *kubeletbin.Manifest {
	t.Helper()
	manifest := read(t, "patched.json")
	var patches []map[string]string
	hash := sha256.New()
	for _, file := range []string{"0001-first.patch", "0002-second.patch"} {
		data, err := os.ReadFile(filepath.Join("testdata/patches/restart-suppression", file))
		if err != nil {
			t.Fatal(err)
		}
		digest := fmt.Sprintf("%x", sha256.Sum256(data))
		patches = append(patches, map[string]string{"file": file, "digest": digest})
		fmt.Fprintf(hash, "patch %q %s\n", file, digest)
	}
	fmt.Fprintf(hash, "extra %q\n", manifest.Series.Library)
	data, err := json.Marshal(patches)
	if err == nil {
		err = json.Unmarshal(data, &manifest.Series.Patches)
	}
	if err != nil {
		t.Fatal(err)
	}
	manifest.Series.Digest = hex.EncodeToString(hash.Sum(nil))
	manifest.Version = "v1.31.0+steadylet." + manifest.Series.Digest[:8]
	return manifest
}

// Each case changes one thing that a manifest says.
func TestLockCompare(t *testing.T) {
	lock, err := kubeletbin.ReadLock(lockPath, "testdata/patches/restart-suppression")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*kubeletbin.Manifest)
		want   string
	}{
		"the one":               {func(*kubeletbin.Manifest) {}, ""},
		"stock":                 {func(m *kubeletbin.Manifest) { m.Series.Patches, m.Version = nil, "v1.31.0" }, ""},
		"another release":       {func(m *kubeletbin.Manifest) { m.Base.Tag = "v1.31.1" }, "v1.31.1 is not in the lock"},
		"another toolchain":     {func(m *kubeletbin.Manifest) { m.Build.Toolchain = "go1.22.4" }, "the toolchain is go1.22.4"},
		"not verified":          {func(m *kubeletbin.Manifest) { m.Base.Source.Verified = false }, "not verified"},
		"another sum":           {func(m *kubeletbin.Manifest) { m.Base.Source.RootSum = "h1:sYAB" }, "the sum of the root module"},
		"another archive":       {func(m *kubeletbin.Manifest) { m.Base.Source.SHA256 = "ab" }, "the archive ab"},
		"another commit":        {func(m *kubeletbin.Manifest) { m.Base.Source.RootSum, m.Base.Source.Commit = "", "ab" }, `the commit is "ab"`},
		"a patch changed":       {func(m *kubeletbin.Manifest) { m.Series.Patches[1].Digest = "ab" }, "0002-second.patch ab is not one of the series for v1.31.0"},
		"another variant":       {func(m *kubeletbin.Manifest) { m.Series.Patches[1].File = "0002-second.v1.20.patch" }, "is not one of the series"},
		"a patch missing":       {func(m *kubeletbin.Manifest) { m.Series.Patches = m.Series.Patches[:1] }, "is missing"},
		"another order":         {func(m *kubeletbin.Manifest) { p := m.Series.Patches; p[0], p[1] = p[1], p[0] }, "in another order"},
		"another series digest": {func(m *kubeletbin.Manifest) { m.Series.Digest = "ab" }, "the series digest ab"},
		"another library":       {func(m *kubeletbin.Manifest) { m.Series.Library = "ab" }, "the series digest"},
	} {
		t.Run(name, func(t *testing.T) {
			manifest := locked(t)
			test.change(manifest)
			got := strings.Join(lock.Compare(manifest), "; ")
			if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestReadLockRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("series.yaml", "patches: [{file: ../../secret.patch, versions: '>=1.0.0'}]")
	for name, test := range map[string]struct{ lock, series, says string }{
		"no lock":                {filepath.Join(dir, "none"), dir, "no such file"},
		"an empty lock":          {write("empty", ""), dir, "names no version"},
		"no YAML":                {write("broken", "a: ["), dir, "reading"},
		"no series":              {lockPath, "testdata", "series.yaml: no such file"},
		"a patch from elsewhere": {lockPath, dir, "is not in its folder"},
	} {
		if lock, err := kubeletbin.ReadLock(test.lock, test.series); err == nil || lock != nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
