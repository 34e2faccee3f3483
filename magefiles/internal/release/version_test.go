package release_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/release"
)

func versions(t *testing.T, kubelet string, revision int) release.Versions {
	t.Helper()
	named, err := release.NewVersions(kubelet, revision)
	if err != nil {
		t.Fatal(err)
	}
	return named
}

func TestNewVersions(t *testing.T) {
	want := release.Versions{Kubelet: "v1.36.3+steadylet.d4b41a95", Tag: "v1.36.3", Package: "1.36.3+steadylet.2.d4b41a95"}
	if diff := cmp.Diff(want, versions(t, "v1.36.3+steadylet.d4b41a95", 2)); diff != "" {
		t.Error(diff)
	}
	for name, test := range map[string]struct {
		kubelet  string
		revision int
		says     string
	}{
		"stock":          {"v1.36.3", 1, "not the version of a patched kubelet"},
		"pre-release":    {"v1.36.0-rc.1+steadylet.d4b41a95", 1, "not the version of a patched kubelet"},
		"no digest":      {"v1.36.3+steadylet.", 1, "not the version of a patched kubelet"},
		"another's":      {"v1.36.3+k3s1", 1, "not the version of a patched kubelet"},
		"line break":     {"v1.36.3+steadylet.d4b41a95\n", 1, "not the version of a patched kubelet"},
		"no revision":    {"v1.36.3+steadylet.d4b41a95", 0, "-revision=2"},
		"below nothing":  {"v1.36.3+steadylet.d4b41a95", -1, "-revision=2"},
		"empty, no less": {"", 1, "not the version of a patched kubelet"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := release.NewVersions(test.kubelet, test.revision); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, %v, want an error that says %q", got, err, test.says)
			}
		})
	}
}

// What dpkg and rpm themselves think of the order.
func TestPackageVersionsAreOrdered(t *testing.T) {
	ours := func(tag string, revision int, digest string) string {
		return versions(t, tag+"+steadylet."+digest, revision).Package
	}
	ascending := map[string][]string{
		"dpkg": {
			"1.36.2-1.1", ours("v1.36.2", 9, "ffffffff"),
			"1.36.3-1.1", "1.36.3-2.1", ours("v1.36.3", 1, "d4b41a95"), ours("v1.36.3", 2, "00000000"), ours("v1.36.3", 10, "1a2aaeb5"),
			"1.36.4-1.1", ours("v1.36.4", 1, "00000000"), "1.36.10-1.1", "1.37.0-1.1",
		},
		"rpm": {
			"1.36.2", ours("v1.36.2", 9, "ffffffff"),
			"1.36.3", ours("v1.36.3", 1, "d4b41a95"), ours("v1.36.3", 2, "00000000"), ours("v1.36.3", 10, "1a2aaeb5"),
			"1.36.4", ours("v1.36.4", 1, "00000000"), "1.36.10", "1.37.0",
		},
	}
	for program, list := range ascending {
		t.Run(program, func(t *testing.T) {
			for i, older := range list {
				for _, newer := range list[i+1:] {
					if !olderThan(t, program, older, newer) {
						t.Errorf("%s does not order %s before %s", program, older, newer)
					}
				}
			}
		})
	}
}

func olderThan(t *testing.T, program, older, newer string) bool {
	t.Helper()
	if program == "rpm" {
		return strings.TrimSpace(must(t, "rpm", "--eval", "%{lua:print(rpm.vercmp('"+older+"', '"+newer+"'))}")) == "-1"
	}
	programtest.Needs(t, "dpkg", "dpkg")
	return exec.Command("dpkg", "--compare-versions", older, "lt", newer).Run() == nil
}

func TestCheckArchitectures(t *testing.T) {
	for list, says := range map[string]string{
		"amd64": "", "amd64,arm64": "", "arm64,amd64": "",
		"": "is not supported", "riscv64": `"riscv64" is not supported`, "amd64,": "is not supported", "arm64,arm64": "twice",
	} {
		err := release.CheckArchitectures(strings.Split(list, ","))
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %q", list, err, says)
		}
	}
}
