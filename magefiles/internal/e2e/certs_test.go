package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/certvalidity"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/manifest"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

var everyKubeadm = flag.Bool("every-kubeadm", false, "try the years of certificates with more versions of kubeadm than CI does")

// kubeadm is one that was built, and the version of its configuration.
type kubeadm struct {
	path, api, tag string
	config         string // what the build put beside it, or empty
}

// usual are the years that are asked for where nothing else is said.
var usual = certvalidity.Years{Leaf: certvalidity.DefaultLeaf, CA: certvalidity.DefaultCA}

// buildKubeadm builds one that signs for so many years: with the series up to 1.30, a stock
// one with a configuration beside it from 1.31 on.
func buildKubeadm(t *testing.T, p *pipeline.Pipeline, tag string, years certvalidity.Years) kubeadm {
	t.Helper()
	options := pipeline.SourceOptions{Version: tag, Kind: "module"}
	if tag == "v1.20.2" {
		options.Kind, options.Location = "archive", tarball(t)
	}
	tree := fetch(t, p, options)
	request := certvalidity.Request{Component: certvalidity.Component, Leaf: &years.Leaf, CA: &years.CA}
	validity, err := request.Years(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	patch := pipeline.PatchOptions{Validity: validity}
	if patch.Series, err = p.ValiditySeries(request, pipeline.SourceOptions{Version: tag}); err != nil {
		t.Fatal(err)
	}
	return kubeadmOf(t, p, tree, patch)
}

func kubeadmOf(t *testing.T, p *pipeline.Pipeline, tree *source.Tree, patch pipeline.PatchOptions) kubeadm {
	t.Helper()
	patched, err := p.Patch(t.Context(), tree, patch)
	if err != nil {
		t.Fatal(err)
	}
	built, err := p.Build(t.Context(), patched, build.Options{Component: certvalidity.Component, Mode: build.Debug, Arch: runtime.GOARCH})
	if err != nil {
		t.Fatal(err)
	}
	described, err := manifest.Read(built.ManifestPath)
	if err != nil {
		t.Fatal(err)
	}
	version := tree.Request.Version
	k := kubeadm{path: built.Path, api: configurationAPI(version), tag: version.String()}
	if validity := described.CertificateValidity; validity != nil && validity.Configuration != nil {
		k.config = filepath.Join(filepath.Dir(built.Path), validity.Configuration.Name)
	}
	if patch.Validity != nil && (described.CertificateValidity == nil || described.CertificateValidity.Years != *patch.Validity) {
		t.Errorf("the manifest says %+v, want %+v", described.CertificateValidity, *patch.Validity)
	}
	return k
}

// configurationAPI is the newest version of the configuration that a kubeadm reads.
func configurationAPI(v kubever.Version) string {
	switch {
	case v.Minor >= 31:
		return "v1beta4"
	case v.Minor >= 22:
		return "v1beta3"
	}
	return "v1beta2"
}

// master is the part of a control-plane node's file system that has certificates.
type master struct {
	root string
	port int
}

func (m master) kubernetes(elements ...string) string {
	return filepath.Join(append([]string{m.root, "etc", "kubernetes"}, elements...)...)
}

// newMaster lets kubeadm make everything that it makes for a new cluster, in a folder.
func newMaster(t *testing.T, k kubeadm, root string, port int) master {
	t.Helper()
	m := master{root: root, port: port}
	config := fmt.Sprintf("apiVersion: kubeadm.k8s.io/%s\nkind: ClusterConfiguration\nkubernetesVersion: %s\n", k.api, k.tag)
	if k.config != "" {
		data, err := os.ReadFile(k.config)
		if err != nil {
			t.Fatal(err)
		}
		config = string(data)
	}
	config += fmt.Sprintf("controlPlaneEndpoint: 127.0.0.1:%d\napiServer:\n  certSANs: [127.0.0.1]\n---\napiVersion: kubeadm.k8s.io/%s\n"+
		"kind: InitConfiguration\nlocalAPIEndpoint:\n  advertiseAddress: 192.0.2.10\nnodeRegistration:\n  name: steadylet\n", port, k.api)
	err := errors.Join(os.MkdirAll(m.kubernetes(), 0o755), os.Mkdir(filepath.Join(root, "tmp"), 0o700),
		os.WriteFile(filepath.Join(root, "config.yaml"), []byte(config), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for _, phase := range []string{"certs", "kubeconfig"} {
		m.run(t, k, "init", "phase", phase, "all", "--config=/config.yaml")
	}
	return m
}

func (m master) run(t *testing.T, k kubeadm, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), k.path, append(args, "--rootfs="+m.root)...).CombinedOutput()
	if err != nil {
		t.Fatalf("kubeadm %s %q: %v\n%s", k.tag, args, err, out)
	}
}

// years asks openssl for how many years of 365 days each certificate is valid from now
// on, rounded: kubeadm backdates where they begin.
func (m master) years(t *testing.T) map[string]int {
	t.Helper()
	found := map[string]int{}
	err := filepath.WalkDir(m.kubernetes(), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || others[entry.Name()] {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(m.kubernetes(), path)
		switch filepath.Ext(path) {
		case ".crt":
			found[name] = opensslYears(t, data)
		case ".conf":
			found[name] = opensslYears(t, embedded(t, data))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// embedded decodes the client certificate of a kubeconfig as a person would.
func embedded(t *testing.T, kubeconfig []byte) []byte {
	t.Helper()
	_, rest, found := strings.Cut(string(kubeconfig), "client-certificate-data: ")
	if !found {
		t.Fatal("a kubeconfig has no client certificate")
	}
	encoded, _, _ := strings.Cut(rest, "\n")
	cmd := exec.CommandContext(t.Context(), "base64", "-d")
	cmd.Stdin = strings.NewReader(encoded)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func opensslYears(t *testing.T, pem []byte) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "openssl", "x509", "-noout", "-enddate")
	cmd.Stdin = bytes.NewReader(pem)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	ends, err := time.Parse("notAfter=Jan _2 15:04:05 2006 MST", strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	return int((time.Until(ends) + certvalidity.Year/2) / certvalidity.Year)
}

// Every certificate that a new cluster is made of, and every one that is renewed, is
// valid for the years that were asked for: by the patches up to 1.30, by the
// configuration from 1.31 on.
func TestYearsOfCertificates(t *testing.T) {
	needsRenewal(t)
	p := open(t)
	tags := []string{"v1.30.14", "v1.31.0"}
	if *everyKubeadm {
		tags = append(tags, "v1.20.2", "v1.36.3")
	}
	command := buildSteadylet(t)
	for _, tag := range tags {
		t.Run(tag, func(t *testing.T) {
			k := buildKubeadm(t, p, tag, usual)
			m := newMaster(t, k, t.TempDir(), 6443)
			first := m.years(t)
			checkYears(t, first, usual)
			before := fileOf(t, m.kubernetes("pki", "apiserver.crt"))
			m.run(t, k, "certs", "renew", "all", "--config=/config.yaml")
			if bytes.Equal(before, fileOf(t, m.kubernetes("pki", "apiserver.crt"))) {
				t.Error("kubeadm renewed nothing")
			}
			checkYears(t, m.years(t), usual)
			m.check(t, command, k, len(first))
		})
	}
}

func checkYears(t *testing.T, found map[string]int, wanted certvalidity.Years) {
	t.Helper()
	authorities := 0
	for name, years := range found {
		want := wanted.Leaf
		if strings.HasSuffix(name, "ca.crt") {
			want = wanted.CA
			authorities++
		}
		if years != want {
			t.Errorf("%s is valid for %d years, want %d", name, years, want)
		}
	}
	if authorities != 3 || len(found) < 14 {
		t.Errorf("%d authorities among %d certificates: %v", authorities, len(found), found)
	}
}

// check wants the node command, openssl and kubeadm to agree.
func (m master) check(t *testing.T, command steadylet, k kubeadm, count int) {
	t.Helper()
	out := command.run(t, 0, "certs", "check", "--kubernetes-dir", m.kubernetes(), "--kubelet-cert-dir", "", "--kubeadm", k.path, "-o", "json")
	var report struct {
		Certificates []struct{ Status, Key string }
		CrossChecks  []struct {
			Compared    int
			Differences []string
			Skipped     string
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(report.Certificates) != count || len(report.CrossChecks) != 2 {
		t.Errorf("%d certificates, want %d; %d cross-checks", len(report.Certificates), count, len(report.CrossChecks))
	}
	for _, check := range report.CrossChecks {
		if check.Skipped != "" || len(check.Differences) > 0 || check.Compared < count-1 {
			t.Errorf("cross-check: %+v", check)
		}
	}
	command.run(t, 9, "certs", "check", "--kubernetes-dir", m.kubernetes(), "--kubelet-cert-dir", "", "--warn-days", "4000", "-o", "table")
}

func fileOf(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
