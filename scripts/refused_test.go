package scripts_test

import (
	"encoding/json"
	"os"
	"testing"
)

// naming gives the node a static pod that kubelets from 1.34 on refuse, and returns one of
// them.
func naming(t *testing.T, n node) []string {
	t.Helper()
	var config map[string]any
	must(t, json.Unmarshal([]byte(read(t, n.path("kubelet.json"))), &config))
	config["staticPodPath"] = n.path("manifests")
	changed, err := json.Marshal(config)
	must(t, err)
	write(t, n.path("kubelet.json"), string(changed))
	must(t, os.Mkdir(n.path("manifests"), 0o700))
	write(t, n.path("manifests", "proxy.yaml"), "apiVersion: v1\nkind: Pod\nmetadata: {name: proxy}\nspec: {imagePullSecrets: [{name: a}], containers: [{name: c, image: 'c:v1'}]}\n")
	return []string{buildKubelet(t, "v1.34.4+steadylet.0123abcd", "well")}
}
