package kubeapi

import (
	"os"
	"testing"
)

func FuzzParseKubeconfig(f *testing.F) {
	for _, name := range []string{"kubelet.conf", "exec.conf"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if c, err := parseKubeconfig(content, "/none"); err == nil && c.Server == "" {
			t.Error("no server, and no error")
		}
	})
}
