package certs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/certs"
	"github.com/steadylet/steadylet/internal/certs/certstest"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

var now = time.Date(2026, time.November, 24, 12, 0, 0, 0, time.UTC)

func places(dir string) certs.Places {
	return certs.Places{KubernetesDir: dir, PKIDir: filepath.Join(dir, "pki"), KubeletCertDir: filepath.Join(dir, "kubelet")}
}

func check(t *testing.T, dir string, at time.Time, warnDays int) certs.Report {
	t.Helper()
	sources, err := certs.Gather(places(dir))
	if err != nil {
		t.Fatal(err)
	}
	return certs.Check(sources, at, warnDays)
}

// find returns what is known of one certificate.
func find(t *testing.T, report certs.Report, name string) certs.Certificate {
	t.Helper()
	for _, certificate := range report.Certificates {
		if certificate.Name == name {
			return certificate
		}
	}
	t.Fatalf("%s is not in %+v", name, report)
	return certs.Certificate{}
}

func TestNodeThatIsWell(t *testing.T) {
	dir := t.TempDir()
	ca := certstest.Node(t, dir, now, year)
	own := certstest.Make(t, "node-ca", now, year, nil)
	serving := certstest.Make(t, "node", now, year, own)
	writeFile(t, filepath.Join(dir, "kubelet", "kubelet.crt"), serving.CertificatePEM(), own.CertificatePEM())
	writeFile(t, filepath.Join(dir, "kubelet", "kubelet.key"), serving.KeyPEM(t))
	client := certstest.Make(t, "system:node:n", now, year, ca)
	writeFile(t, filepath.Join(dir, "kubelet", "kubelet-client-current.pem"), client.CertificatePEM(), client.KeyPEM(t))
	writeFile(t, filepath.Join(dir, "kubelet.conf"), []byte("kind: Config\nusers:\n- name: n\n  user:\n"+
		"    client-certificate: kubelet/kubelet-client-current.pem\n    client-key: kubelet/kubelet-client-current.pem\n"))
	report := check(t, dir, now, 30)
	var got []string
	for _, c := range report.Certificates {
		got = append(got, strings.Join([]string{c.Name, c.SignedBy, c.Key, string(c.Status)}, ", "))
	}
	want := []string{
		"apiserver-etcd-client, etcd/ca, matches, ok", "apiserver, ca, matches, ok", "ca, itself, matches, ok", "etcd/ca, itself, matches, ok",
		"etcd/server, etcd/ca, matches, ok", "admin.conf, ca, matches, ok", "kubelet.conf, ca, matches, ok",
		"kubelet serving (its own), itself, matches, ok", "kubelet serving (its own) [2], itself, absent, ok",
	}
	if diff := cmp.Diff(want, got); diff != "" || report.Status != certs.OK {
		t.Errorf("status %s\n%s", report.Status, diff)
	}
	if c := find(t, report, "apiserver"); c.DaysLeft != 365 || !c.NotAfter.Equal(now.Add(year)) || c.Subject != "CN=kube-apiserver" || c.Issuer != "CN=kubernetes" {
		t.Errorf("of the API server's it says %+v", c)
	}
}

func writeFile(t *testing.T, path string, parts ...[]byte) {
	t.Helper()
	var data []byte
	for _, part := range parts {
		data = append(data, part...)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o600)); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsFound(t *testing.T) {
	other := certstest.Make(t, "kubernetes", now, year, nil)
	for name, test := range map[string]struct {
		at     time.Time
		damage func(*testing.T, string)
		of     string
		status certs.Status
		says   string
	}{
		"soon":          {now.Add(year - 20*day), nothing, "apiserver", certs.Expiring, "expires in 20 days"},
		"the last day":  {now.Add(year - 30*day), nothing, "apiserver", certs.Expiring, "expires in 30 days"},
		"a day before":  {now.Add(year - 31*day), nothing, "apiserver", certs.OK, ""},
		"over":          {now.Add(year + time.Hour), nothing, "apiserver", certs.Expired, "expired on 2027-11-24"},
		"not yet":       {now.Add(-2 * time.Hour), nothing, "apiserver", certs.Expired, "is the clock right?"},
		"authority too": {now.Add(3 * year), nothing, "apiserver", certs.Expired, "its authority expired on"},
		"another key": {now, func(t *testing.T, dir string) { writeFile(t, dir+"/pki/apiserver.key", other.KeyPEM(t)) }, "apiserver", certs.Broken,
			"is not that of the certificate"},
		"no key":                             {now, remove("pki/apiserver.key"), "apiserver", certs.Broken, "there is no private key"},
		"no authority key":                   {now, remove("pki/ca.key"), "ca", certs.OK, ""},
		"damaged key":                        {now, damage("pki/apiserver.key"), "apiserver", certs.Broken, "it holds no private key"},
		"damaged":                            {now, damage("pki/apiserver.crt"), "apiserver", certs.Broken, "it holds no certificate"},
		"damaged config":                     {now, damage("admin.conf"), "admin.conf", certs.Broken, "not a kubeconfig"},
		"no authority":                       {now, remove("pki/etcd/ca.crt"), "etcd/server", certs.OK, "so nobody knows"},
		"another authority":                  {now, func(t *testing.T, dir string) { other.Write(t, dir+"/pki", "ca") }, "apiserver", certs.Broken, "the authority ca did not sign it"},
		"authority that a kubeconfig trusts": {now, func(t *testing.T, dir string) { other.Write(t, dir+"/pki", "ca") }, "admin.conf authority", certs.OK, ""},
		"a folder in its place": {now, func(t *testing.T, dir string) {
			if err := errors.Join(os.Remove(dir+"/pki/apiserver.key"), os.Mkdir(dir+"/pki/apiserver.key", 0o755)); err != nil {
				t.Fatal(err)
			}
		}, "apiserver", certs.Broken, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			certstest.Node(t, dir, now, year)
			test.damage(t, dir)
			report := check(t, dir, test.at, 30)
			found := find(t, report, test.of)
			text := strings.Join(found.Problems, "; ")
			if found.Status != test.status || !strings.Contains(text, test.says) || test.says == "" && text != "" {
				t.Errorf("status %s, problems %q; want %s, %q", found.Status, text, test.status, test.says)
			}
			if strings.Contains(text, "PRIVATE") {
				t.Errorf("it tells a key: %s", text)
			}
		})
	}
}

func nothing(*testing.T, string) {}

func remove(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func damage(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { writeFile(t, filepath.Join(dir, name), []byte("damaged: PRIVATE")) }
}

func TestOutlivesItsAuthority(t *testing.T) {
	dir := t.TempDir()
	ca := certstest.Node(t, dir, now, year)
	certstest.Make(t, "kube-apiserver", now, 10*year, ca).Write(t, filepath.Join(dir, "pki"), "apiserver")
	report := check(t, dir, now, 30)
	if found := find(t, report, "apiserver"); !found.OutlivesAuthority || found.Status != certs.OK || report.Status != certs.OK {
		t.Errorf("found %+v", found)
	}
}

func TestSkippedKeys(t *testing.T) {
	dir := t.TempDir()
	certstest.Node(t, dir, now, year)
	damage("pki/apiserver.key")(t, dir)
	at := places(dir)
	at.SkipKeys = true
	sources, err := certs.Gather(at)
	if err != nil {
		t.Fatal(err)
	}
	if found := find(t, certs.Check(sources, now, 30), "apiserver"); found.Key != "not read" || found.Status != certs.OK {
		t.Errorf("found %+v", found)
	}
}

func TestNothingThere(t *testing.T) {
	sources, err := certs.Gather(places(filepath.Join(t.TempDir(), "none")))
	if !errors.Is(err, certs.ErrNone) || len(sources) != 0 {
		t.Errorf("%v, %v", sources, err)
	}
}
