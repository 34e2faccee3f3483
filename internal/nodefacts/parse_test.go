package nodefacts

import (
	"os"
	"path/filepath"
	"testing"
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
