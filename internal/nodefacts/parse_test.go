package nodefacts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestParseCPUs(t *testing.T) {
	for name, test := range map[string]struct{ gone, more string }{
		"cpu_manager_v1": {"4,5", "6,7"}, "cpu_manager_v2": {"", "7"},
	} {
		online, err := parseCPUSet("0-3,6-7")
		if err != nil {
			t.Fatal(err)
		}
		policy, cpus, err := parseCPUs(fixture(t, name))
		if err != nil || policy != "static" || cpus.without(online) != test.gone || online.without(cpus) != test.more {
			t.Errorf("%s: got %s, %v (%v)", name, policy, cpus, err)
		}
	}
	for _, text := range []string{"", "no", `{"entries": {"a": 1}}`, `{"defaultCpuSet": "a"}`, `{"entries": {"a": "3-1"}}`} {
		if policy, cpus, err := parseCPUs([]byte(text)); err == nil || cpus != nil || policy != "" {
			t.Errorf("%q: got %s, %v", text, policy, cpus)
		}
	}
}

func FuzzParseCPUs(f *testing.F) {
	f.Add(fixture(f, "cpu_manager_v1"))
	f.Add(fixture(f, "cpu_manager_v2"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, cpus, err := parseCPUs(data); (cpus == nil) != (err != nil) || len(cpus) > maxCPUs {
			t.Errorf("got %v, %v", cpus, err)
		}
	})
}

func TestParseDevices(t *testing.T) {
	if pods, err := parseDevices(fixture(t, "devices")); err != nil || pods != 2 {
		t.Errorf("got %d, %v", pods, err)
	}
	if _, err := parseDevices([]byte("no")); err == nil {
		t.Error("no error")
	}
}

func TestFirewallOutput(t *testing.T) {
	if got := countChains(string(fixture(t, "iptables-nft-save"))); got != 2 {
		t.Errorf("got %d chains, want those of Services and of node ports", got)
	}
	for version, want := range map[string]string{"iptables v1.8.9 (nf_tables)\n": "nf_tables", "iptables v1.8.9 (legacy)": "legacy", "iptables v1.4.21": "legacy"} {
		if got := mode(version); got != want {
			t.Errorf("%s: got %s, want %s", version, got, want)
		}
	}
}

// A key that lies before the certificate, as in kubelet-client-current.pem, is passed
// over.
func TestParseCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ends := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: ends.AddDate(-1, 0, 0), NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: []byte("key")})
	data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	got, err := parseCertificate(data)
	if err != nil || !got.NotAfter.Equal(ends) || !got.NotBefore.Equal(template.NotBefore) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, text := range []string{"", "no", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if _, err := parseCertificate([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestHasPods(t *testing.T) {
	for name, want := range map[string]bool{
		"kubepods/podabc": true, "kubepods/burstable/podabc": true, "kubepods/besteffort": false, "kubepods": false, "other": false,
		"kubepods.slice/kubepods-podabc.slice": true, "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podabc.slice": true,
		"kubepods.slice/kubepods-besteffort.slice": false,
	} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		driver := "kubepods"
		if filepath.Ext(filepath.Dir(name)) != "" || filepath.Ext(name) != "" {
			driver = "kubepods.slice"
		}
		if got, err := hasPods(filepath.Join(dir, driver)); err != nil || got != want {
			t.Errorf("%s: got %t, %v", name, got, err)
		}
	}
}
