package release_test

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/files"
	nfpmrpm "github.com/goreleaser/nfpm/v2/rpm"
)

// buildRPM makes a package as a distribution does: with scripts that record how they are
// called.
func buildRPM(t *testing.T, name, version, release string, provides []string, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	info := &nfpm.Info{
		Name: name, Version: version, Release: release, Arch: runtime.GOARCH, Platform: "linux", VersionSchema: "none",
		Maintainer: "Nobody <nobody@example.org>", Description: name, License: "Apache-2.0", DisableGlobbing: true,
		Overridables: nfpm.Overridables{Provides: provides},
	}
	for path, text := range contents {
		source := filepath.Join(dir, "tree", path)
		write(t, source, text, 0o755)
		entry := &files.Content{Source: source, Destination: path, Type: files.TypeFile, FileInfo: &files.ContentFileInfo{Mode: 0o755}}
		if strings.HasPrefix(path, "/etc/") {
			entry.Type = files.TypeConfigNoReplace
		}
		info.Contents = append(info.Contents, entry)
	}
	for script, field := range map[string]*string{"preun": &info.Scripts.PreRemove, "postun": &info.Scripts.PostRemove} {
		*field = filepath.Join(dir, script)
		write(t, *field, "echo \""+script+" $1\" >>/var/log/maintainer-scripts\n", 0o755)
	}
	path := filepath.Join(dir, name+".rpm")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := nfpmrpm.DefaultRPM.Package(info, file); err != nil {
		t.Fatal(err)
	}
	return path
}

func stockRPM(t *testing.T, stock, name, version string) string {
	t.Helper()
	node := map[string]string{"/usr/bin/kubelet": stock, "/usr/lib/systemd/system/kubelet.service": "[Service]\nExecStart=/usr/bin/kubelet\n"}
	if name == "kubelet" {
		maps.Copy(node, map[string]string{"/etc/sysconfig/kubelet": "KUBELET_EXTRA_ARGS=\n"})
	}
	return buildRPM(t, name, version, "150500.1.1", nil, node)
}

// The way of TestDebianPackageLifecycle, with the real rpm.
func TestRPMPackageLifecycle(t *testing.T) {
	s := newScratch(t, "rpm")
	content := stockKubelet(t)
	essentials := buildRPM(t, "essentials", "1", "1", []string{"util-linux"}, nil)
	stock := stockRPM(t, content, "kubelet", "1.30.14")
	older, newer, binary := packages(t, ".rpm")

	s.done(s.rpm("--install", essentials, stock))
	owned := s.administrator("/etc/sysconfig/kubelet")
	runsOn := s.runKubelet()
	s.done(s.rpm("--upgrade", older))
	s.has("after the upgrade to ours", owned)
	s.has("after the upgrade to ours", map[string]string{
		"/usr/bin/kubelet": read(t, binary), "/usr/bin/steadylet": read(t, binary), dropIn: read(t, "packaging/20-steadylet.conf"),
		"/etc/sysconfig/kubelet.rpmnew": "", "/etc/sysconfig/kubelet.rpmsave": "",
	})
	// 1 says that another version stays. At 0 the distribution's package stops and
	// disables the kubelet.
	if got, want := s.scripts(), "preun 1\npostun 1\n"; got != want {
		t.Errorf("the scripts of the distribution's package were called with %q, want %q", got, want)
	}
	write(t, s.path("/etc/steadylet/environment"), "STEADYLET_DISABLE=1\n", 0o644)
	s.done(s.rpm("--upgrade", newer))
	s.has("after the upgrade to a newer one", map[string]string{"/etc/steadylet/environment": "STEADYLET_DISABLE=1\n"})
	if out, err := s.rpm("--upgrade", older); err == nil {
		t.Errorf("rpm goes back without being asked to: %s", out)
	}
	s.done(s.rpm("--upgrade", "--oldpackage", older))
	s.has("after going back to the older one", owned)
	if got, want := s.installed(), "kubelet 1.36.3+steadylet.1.d4b41a95-1"; got != want {
		t.Errorf("rpm has %q, want %q", got, want)
	}
	s.done(s.rpm("--upgrade", "--oldpackage", stock))
	s.has("after going back to the distribution's", owned)
	s.has("after going back to the distribution's", map[string]string{"/usr/bin/kubelet": content, "/usr/bin/steadylet": "", dropIn: ""})
	if !runsOn() {
		t.Error("the kubelet that ran before all this does not run any more")
	}
}

func (s scratch) installed() string {
	s.t.Helper()
	return strings.TrimSpace(s.done(s.rpm("--query", "--queryformat=%{NAME} %{VERSION}-%{RELEASE}", "kubelet")))
}

func TestRPMPackageRemoval(t *testing.T) {
	s := newScratch(t, "rpm")
	older, _, _ := packages(t, ".rpm")
	s.done(s.rpm("--install", buildRPM(t, "essentials", "1", "1", []string{"util-linux"}, nil), older))
	if out := s.done(s.rpm("--verify", "kubelet")); strings.TrimSpace(out) != "" {
		t.Errorf("rpm --verify says %q", out)
	}
	owned := s.administrator("/etc/sysconfig/kubelet")
	s.done(s.rpm("--erase", "kubelet"))
	owned["/etc/sysconfig/kubelet.rpmsave"] = owned["/etc/sysconfig/kubelet"]
	delete(owned, "/etc/sysconfig/kubelet")
	s.has("after the removal", owned)
	s.has("after the removal", map[string]string{"/usr/bin/kubelet": "", "/usr/bin/steadylet": "", dropIn: ""})
}

// rpm does not take another package away for ours: that would stop its kubelet.
func TestRPMPackageConflictsWithKubernetesNode(t *testing.T) {
	s := newScratch(t, "rpm")
	content := stockKubelet(t)
	older, _, _ := packages(t, ".rpm")
	s.done(s.rpm("--install", buildRPM(t, "essentials", "1", "1", []string{"util-linux"}, nil), stockRPM(t, content, "kubernetes-node", "1.29.0")))
	out, err := s.rpm("--upgrade", older)
	if err == nil || !strings.Contains(out, "conflicts with") {
		t.Errorf("got %v: %s", err, out)
	}
	s.has("after the refusal", map[string]string{"/usr/bin/kubelet": content, "/usr/bin/steadylet": ""})
}

func TestRPMPackageDamaged(t *testing.T) {
	s := newScratch(t, "rpm")
	older, _, _ := packages(t, ".rpm")
	s.done(s.rpm("--install", buildRPM(t, "essentials", "1", "1", []string{"util-linux"}, nil), stockRPM(t, stockKubelet(t), "kubelet", "1.30.14")))
	before := snapshot(t, s.root, "var/log", "var/lib/rpm", "tmp", "var/tmp")
	for name, damaged := range damage(t, older) {
		t.Run(name, func(t *testing.T) {
			if out, err := s.rpm("--upgrade", damaged); err == nil {
				t.Errorf("rpm installed it: %s", out)
			}
			if diff := cmp.Diff(before, snapshot(t, s.root, "var/log", "var/lib/rpm", "tmp", "var/tmp")); diff != "" {
				t.Errorf("the root changed (-before +after):\n%s", diff)
			}
		})
	}
}

// What the packages say of themselves.
func TestPackageMetadata(t *testing.T) {
	_, made := sharedRelease(t, "v1.36.3")
	deb, rpm := one(t, made, ".deb"), one(t, made, ".rpm")
	for field, want := range map[string]string{
		"Package": "kubelet", "Version": "1.36.3+steadylet.1.d4b41a95", "Architecture": runtime.GOARCH,
		"Conflicts": "kubernetes-node", "Replaces": "kubernetes-node", "Provides": "steadylet (= 1.36.3+steadylet.1.d4b41a95)",
	} {
		if got := strings.TrimSpace(must(t, "dpkg-deb", "--field", deb, field)); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	control := t.TempDir()
	must(t, "dpkg-deb", "--control", deb, control)
	for _, script := range []string{"preinst", "postinst", "prerm", "postrm", "config", "triggers"} {
		if _, err := os.Stat(filepath.Join(control, script)); err == nil {
			t.Errorf("the Debian package has a %s", script)
		}
	}
	if got, want := read(t, filepath.Join(control, "conffiles")), "/etc/default/kubelet\n/etc/steadylet/environment\n"; got != want {
		t.Errorf("the settings are %q, want %q", got, want)
	}
	if description := must(t, "dpkg-deb", "--field", deb, "Description"); !strings.Contains(description, "starts and stops nothing") {
		t.Errorf("the description is %q", description)
	}
	query := "%{NAME} %{VERSION} %{RELEASE} %{BUILDHOST} %{BUILDTIME} [%{CONFLICTS} ][%{OBSOLETES} ]"
	if got, want := must(t, "rpm", "--query", "--package", "--queryformat="+query, rpm), "kubelet 1.36.3+steadylet.1.d4b41a95 1 steadylet 1784743658 kubernetes-node "; got != want {
		t.Errorf("the RPM package says %q, want %q", got, want)
	}
	if scripts := strings.TrimSpace(must(t, "rpm", "--query", "--package", "--scripts", rpm)); scripts != "" {
		t.Errorf("the RPM package has scripts: %s", scripts)
	}
}
