package certs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/certs"
	"github.com/steadylet/steadylet/internal/certs/certstest"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The tables are what real kubeadms printed.
func TestParseExpirations(t *testing.T) {
	for name, count := range map[string]int{"check-expiration.v1.20.2.txt": 13, "check-expiration.v1.36.3.txt": 14} {
		says := certs.ParseExpirations(string(fixture(t, name)))
		if len(says) != count {
			t.Errorf("%s: %d certificates, want %d: %v", name, len(says), count, says)
		}
		if when := says["etcd-ca"]; when.Format(time.DateOnly) != "2056-11-16" {
			t.Errorf("%s: etcd-ca expires at %s", name, when)
		}
	}
	if says := certs.ParseExpirations("!MISSING! apiserver\nFATAL x"); len(says) != 0 {
		t.Errorf("of no table: %v", says)
	}
}

func TestCompareOpenSSL(t *testing.T) {
	certificate := certs.Certificate{
		Name: "apiserver", SHA256: "ab01", NotBefore: time.Date(2026, time.November, 4, 1, 2, 3, 0, time.UTC),
		NotAfter: time.Date(2036, time.November, 24, 1, 2, 3, 0, time.UTC),
	}
	const same = "notBefore=Nov  4 01:02:03 2026 GMT\nnotAfter=Nov 24 01:02:03 2036 GMT\nsha256 Fingerprint=AB:01\n"
	for name, test := range map[string]struct {
		printed     string
		differences int
	}{
		"the same":        {same, 0},
		"another end":     {strings.Replace(same, "2036", "2037", 1), 1},
		"another one":     {strings.Replace(same, "AB", "AC", 1), 1},
		"nothing":         {"", 3},
		"older spelling":  {strings.Replace(same, "sha256", "SHA256", 1), 0},
		"further lines":   {same + "serial=01\n", 0},
		"without the end": {"notBefore=Nov  4 01:02:03 2026 GMT\nsha256 Fingerprint=AB:01\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := certs.CompareOpenSSL(certificate, test.printed); len(got) != test.differences {
				t.Errorf("got %q, want %d", got, test.differences)
			}
		})
	}
}

// Programs that lie, fail or are not there: what they are asked is said, and a
// difference is a broken certificate.
func TestCrossCheck(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "etc", "kubernetes")
	certstest.Node(t, dir, now, year)
	program := func(name, body string) string {
		path := filepath.Join(root, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, test := range map[string]struct {
		programs certs.Programs
		status   certs.Status
		compared int
		says     string
	}{
		"openssl lies":   {certs.Programs{OpenSSL: program("a", "echo notAfter=Nov 24 01:02:03 2036 GMT")}, certs.Broken, 6, "to openssl"},
		"openssl fails":  {certs.Programs{OpenSSL: program("b", "echo why >&2; exit 1")}, certs.OK, 0, "why"},
		"kubeadm lies":   {certs.Programs{Kubeadm: program("c", "echo 'apiserver  Nov 24, 2036 01:02 UTC  9y  ca  no'")}, certs.Broken, 1, "to kubeadm"},
		"kubeadm agrees": {certs.Programs{Kubeadm: program("d", "echo 'apiserver  Nov 24, 2027 12:00 UTC  9y  ca  no'")}, certs.OK, 1, ""},
		"kubeadm silent": {certs.Programs{Kubeadm: program("e", "true")}, certs.OK, 0, "named no certificate"},
		"no kubeadm":     {certs.Programs{Kubeadm: filepath.Join(root, "none")}, certs.OK, 0, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			report := check(t, dir, now, 30)
			report.CrossCheck(t.Context(), test.programs, places(dir))
			if len(report.CrossChecks) != 1 {
				t.Fatalf("%d cross-checks", len(report.CrossChecks))
			}
			found := report.CrossChecks[0]
			if said := found.Skipped + strings.Join(found.Differences, ""); report.Status != test.status || found.Compared != test.compared || !strings.Contains(said, test.says) {
				t.Errorf("status %s, %+v; want %s, %d, %q", report.Status, found, test.status, test.compared, test.says)
			}
		})
	}
	// kubeadm can't be sent elsewhere.
	report := check(t, dir, now, 30)
	report.CrossCheck(t.Context(), certs.Programs{Kubeadm: "/bin/false"}, places(root))
	if found := report.CrossChecks[0]; !strings.Contains(found.Skipped, "/etc/kubernetes only") {
		t.Errorf("got %+v", found)
	}
}

func TestWritePrometheus(t *testing.T) {
	dir := t.TempDir()
	certstest.Make(t, `a"b\c`, now, year, nil).Write(t, filepath.Join(dir, "pki"), "ca")
	sources, err := certs.Gather(places(dir))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := certs.WritePrometheus(&text, certs.Check(sources, now, 30)); err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(text.String(), dir, "DIR")
	if diff := cmp.Diff(string(fixture(t, "metrics.txt")), got); diff != "" {
		t.Error(diff)
	}
}

// Whatever a file holds, reading it ends, and tells nothing of it.
func FuzzParse(f *testing.F) {
	pair := certstest.Make(f, "x", now, year, nil)
	f.Add(append(pair.CertificatePEM(), pair.KeyPEM(f)...))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"))
	f.Add(fixture(f, "check-expiration.v1.20.2.txt"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if found, err := certs.ParseCertificates(data); (err == nil) != (len(found) > 0) {
			t.Errorf("%d certificates, %v", len(found), err)
		}
		if key, err := certs.ParsePublicHalf(data); (err == nil) != (key != nil) {
			t.Errorf("key %v, %v", key, err)
		}
		_ = certs.ParseExpirations(string(data))
	})
}
