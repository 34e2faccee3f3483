package release_test

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// distribution makes packages as the Kubernetes project and Debian do, with dpkg-deb.
type distribution struct {
	essentials, kubelet, kubernetesNode string
	// stock is the kubelet's content.
	stock string
}

func newDistribution(t *testing.T) distribution {
	t.Helper()
	parsed, err := txtar.ParseFile(filepath.Join("testdata", "distribution.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	text := map[string]string{}
	for _, file := range parsed.Files {
		text[file.Name] = strings.ReplaceAll(string(file.Data), "ARCHITECTURE", runtime.GOARCH)
	}
	d := distribution{stock: stockKubelet(t)}
	node := map[string]string{"usr/bin/kubelet": d.stock, "usr/lib/systemd/system/kubelet.service": "[Service]\nExecStart=/usr/bin/kubelet\n"}
	kubelet := maps.Clone(node)
	kubelet["etc/default/kubelet"] = "KUBELET_EXTRA_ARGS=\n"
	kubelet["var/lib/kubelet/.kubelet-keep"] = ""
	kubelet["etc/kubernetes/manifests/.kubelet-keep"] = ""
	d.essentials = buildDeb(t, text["essentials"], "", "", nil)
	d.kubelet = buildDeb(t, text["control"], text["conffiles"], text["script"], kubelet)
	d.kubernetesNode = buildDeb(t, text["kubernetes-node"], "", text["script"], node)
	return d
}

// buildDeb makes a package with the real dpkg-deb.
func buildDeb(t *testing.T, control, conffiles, script string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	for name, text := range files {
		write(t, filepath.Join(tree, name), text, 0o755)
	}
	write(t, filepath.Join(tree, "DEBIAN/control"), control, 0o644)
	if conffiles != "" {
		write(t, filepath.Join(tree, "DEBIAN/conffiles"), conffiles, 0o644)
	}
	for _, name := range []string{"preinst", "postinst", "prerm", "postrm"} {
		if script != "" {
			write(t, filepath.Join(tree, "DEBIAN", name), strings.ReplaceAll(script, "SCRIPT", name), 0o755)
		}
	}
	out := filepath.Join(dir, "package.deb")
	must(t, "dpkg-deb", "--root-owner-group", "--build", tree, out)
	return out
}

// packages makes two releases, one newer than the other, and returns their packages.
func packages(t *testing.T, suffix string) (older, newer, kubelet string) {
	t.Helper()
	config, made := sharedRelease(t, "v1.36.3")
	_, next := sharedRelease(t, "v1.37.2")
	return one(t, made, suffix), one(t, next, suffix), config.Kubelets[0].Path
}

const dropIn = "/usr/lib/systemd/system/kubelet.service.d/20-steadylet.conf"

// From the distribution's kubelet to ours, to a newer one, back, and all the way back,
// with the real dpkg. What runs goes on, nothing is asked, and what belongs to the node
// stays.
func TestDebianPackageLifecycle(t *testing.T) {
	s := newScratch(t, "dpkg")
	stock := newDistribution(t)
	older, newer, binary := packages(t, ".deb")
	ours := read(t, binary)

	s.done(s.dpkg("--install", stock.essentials, stock.kubelet))
	owned := s.administrator("/etc/default/kubelet")
	runsOn, called := s.runKubelet(), s.scripts()
	if err := os.Chmod(s.path("/var/lib/kubelet"), 0o700); err != nil {
		t.Fatal(err)
	}

	s.done(s.dpkg("--install", older))
	s.has("after the upgrade to ours", owned)
	s.has("after the upgrade to ours", map[string]string{
		"/usr/bin/kubelet": ours, "/usr/bin/steadylet": ours, "/var/lib/kubelet/.kubelet-keep": "",
		dropIn: read(t, "packaging/20-steadylet.conf"), "/etc/steadylet/environment": read(t, "packaging/environment"),
	})
	// The distribution's own scripts are told of an upgrade. Told of a removal, they
	// stop and disable the kubelet.
	if got, want := strings.TrimPrefix(s.scripts(), called), "prerm upgrade 1.36.3+steadylet.1.d4b41a95\npostrm upgrade 1.36.3+steadylet.1.d4b41a95\n"; got != want {
		t.Errorf("the scripts of the distribution's package were called with %q, want %q", got, want)
	}
	if info, err := os.Stat(s.path("/var/lib/kubelet")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the kubelet's folder has another mode than before: %v, %v", info.Mode(), err)
	}
	if target, err := os.Readlink(s.path("/usr/sbin/upgrade-kubelet")); err != nil || target != "/usr/share/steadylet/scripts/upgrade-kubelet" {
		t.Errorf("upgrade-kubelet is a link to %q, %v", target, err)
	}
	if out := s.done(s.dpkg("--verify", "kubelet")); strings.TrimSpace(out) != "??5?????? c /etc/default/kubelet" {
		t.Errorf("dpkg --verify says %q, want the file that the administrator changed", out)
	}

	write(t, s.path("/etc/steadylet/environment"), "STEADYLET_DISABLE=1\n", 0o644)
	owned["/etc/steadylet/environment"] = "STEADYLET_DISABLE=1\n"
	called = s.scripts()
	s.done(s.dpkg("--install", newer))
	s.has("after the upgrade to a newer one", owned)
	s.hasVersion("1.37.2+steadylet.1.d4b41a95")
	s.done(s.dpkg("--install", older))
	s.has("after going back to the older one", owned)
	s.hasVersion("1.36.3+steadylet.1.d4b41a95")
	if got := strings.TrimPrefix(s.scripts(), called); got != "" {
		t.Errorf("our packages ran scripts: %q", got)
	}

	s.done(s.dpkg("--install", stock.kubelet))
	s.hasVersion("1.30.14-1.1")
	s.has("after going back to the distribution's", owned)
	s.has("after going back to the distribution's", map[string]string{
		"/usr/bin/kubelet": stock.stock, "/usr/bin/steadylet": "", dropIn: "", "/usr/sbin/upgrade-kubelet": "",
	})
	if !runsOn() {
		t.Error("the kubelet that ran before all this does not run any more")
	}
}

func (s scratch) hasVersion(want string) {
	s.t.Helper()
	got := s.done(output(s.t, "", "dpkg-query", "--admindir="+s.path("/var/lib/dpkg"), "--showformat=${Version} ${db:Status-Abbrev}", "--show", "kubelet"))
	if strings.TrimSpace(got) != want+" ii" {
		s.t.Errorf("dpkg has %q, want %s installed", got, want)
	}
}

// Removed and purged: what belongs to the node stays, to the end.
func TestDebianPackageRemoval(t *testing.T) {
	s := newScratch(t, "dpkg")
	stock := newDistribution(t)
	older, _, _ := packages(t, ".deb")
	s.done(s.dpkg("--install", stock.essentials, older))
	owned := s.administrator("/etc/default/kubelet")
	runsOn := s.runKubelet()
	s.done(s.dpkg("--remove", "kubelet"))
	s.has("after the removal", owned)
	s.has("after the removal", map[string]string{
		"/usr/bin/kubelet": "", "/usr/bin/steadylet": "", dropIn: "", "/etc/steadylet/environment": read(t, "packaging/environment"),
	})
	s.done(s.dpkg("--purge", "kubelet"))
	delete(owned, "/etc/default/kubelet")
	s.has("after the purge", owned)
	s.has("after the purge", map[string]string{"/etc/default/kubelet": "", "/etc/steadylet/environment": ""})
	if !runsOn() {
		t.Error("the kubelet does not run any more")
	}
}

// Debian's own package has the kubelet under another name: ours takes its place.
func TestDebianPackageReplacesKubernetesNode(t *testing.T) {
	s := newScratch(t, "dpkg")
	stock := newDistribution(t)
	older, _, binary := packages(t, ".deb")
	s.done(s.dpkg("--install", stock.essentials, stock.kubernetesNode))
	s.done(s.dpkg("--install", older))
	s.has("after the replacement", map[string]string{"/usr/bin/kubelet": read(t, binary)})
	if out, err := output(t, "", "dpkg-query", "--admindir="+s.path("/var/lib/dpkg"), "--showformat=${db:Status-Abbrev}", "--show", "kubernetes-node"); err == nil && strings.HasPrefix(out, "ii") {
		t.Errorf("kubernetes-node is %q", out)
	}
	s.done(s.dpkg("--remove", "kubelet"))
	s.done(s.dpkg("--install", stock.kubernetesNode))
	s.has("after going back", map[string]string{"/usr/bin/kubelet": stock.stock})
}

// A package that is half written, or that the network changed, is refused, and nothing
// of it is on the node.
func TestDebianPackageDamaged(t *testing.T) {
	s := newScratch(t, "dpkg")
	stock := newDistribution(t)
	older, _, _ := packages(t, ".deb")
	s.done(s.dpkg("--install", stock.essentials, stock.kubelet))
	owned := s.administrator("/etc/default/kubelet")
	before := snapshot(t, s.root, "var/log", "var/lib/dpkg", "tmp")
	for name, damaged := range damage(t, older) {
		t.Run(name, func(t *testing.T) {
			if out, err := s.dpkg("--install", damaged); err == nil {
				t.Errorf("dpkg installed it: %s", out)
			}
			if diff := cmp.Diff(before, snapshot(t, s.root, "var/log", "var/lib/dpkg", "tmp")); diff != "" {
				t.Errorf("the root changed (-before +after):\n%s", diff)
			}
			s.hasVersion("1.30.14-1.1")
			s.has("after the refusal", owned)
		})
	}
}

// damage writes what can become of a package on its way.
func damage(t *testing.T, from string) map[string]string {
	t.Helper()
	dir, data := t.TempDir(), read(t, from)
	flipped := []byte(data)
	flipped[len(flipped)/2] ^= 1
	found := map[string]string{}
	for name, text := range map[string]string{
		"empty": "", "its first bytes": data[:100], "half": data[:len(data)/2], "all but the end": data[:len(data)-100], "one bit": string(flipped),
	} {
		found[name] = filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+filepath.Ext(from))
		write(t, found[name], text, 0o644)
	}
	return found
}
