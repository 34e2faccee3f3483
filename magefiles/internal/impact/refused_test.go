package impact_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/podmanifest"
)

// Which static pods a kubelet refuses is what the sources of every locked version say.
func TestPodmanifestRefusesWhatTheSourcesRefuse(t *testing.T) {
	off := false
	var before string // the functions that say what a reference is, of the version before
	for _, v := range locked(t) {
		t.Run(v.String(), func(t *testing.T) {
			root := modulesOf(t, v)["k8s.io/kubernetes"]
			decode := source(t, root, "pkg/kubelet/config/common.go")
			refuses := func(object string, gate *bool) bool {
				return podmanifest.Refuse(v.String(), []podmanifest.Reference{{Field: "spec.x", Object: object}}, gate).Refuses()
			}
			always := strings.Contains(decode, "podutil.HasAPIObjectReference(")
			gated := strings.Contains(decode, "features."+podmanifest.ReferencesGate)
			bundles := always || strings.Contains(decode, "ErrStaticPodTriedToUseClusterTrustBundle")
			claims := always || strings.Contains(decode, "ErrStaticPodTriedToUseResourceClaims")
			want := map[string]bool{
				"secret": always, "secret, gate off": always && !gated, "trust bundle": bundles, "trust bundle, gate off": bundles, "claim": claims, "claim, gate off": claims,
			}
			got := map[string]bool{
				"secret": refuses("secret", nil), "secret, gate off": refuses("secret", &off),
				"trust bundle": refuses("cluster trust bundle", nil), "trust bundle, gate off": refuses("cluster trust bundle", &off),
				"claim": refuses("resource claim", nil), "claim, gate off": refuses("resource claim", &off),
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("refused (-sources +podmanifest):\n%s", diff)
			}
			_, spec, _ := strings.Cut(source(t, root, "pkg/features/kube_features.go"), "\t"+podmanifest.ReferencesGate+": {\n")
			spec, _, _ = strings.Cut(spec, "\n\t},")
			if gated != (strings.Contains(spec, "Default: true") && !strings.Contains(spec, "LockToDefault") && strings.Contains(spec, "featuregate.Beta")) {
				t.Errorf("the gate is no beta gate that is on by default: %s", spec)
			}
			if !always {
				return
			}
			now := functions(source(t, root, "pkg/api/pod/util.go"), "HasAPIObjectReference", "VisitPodSecretNames", "VisitPodConfigmapNames", "visitContainerSecretNames", "visitContainerConfigmapNames")
			if before != "" && now != before {
				t.Errorf("what a reference is has changed, see podmanifest.References:\n%s", cmp.Diff(before, now))
			}
			before = now
		})
	}
}

func source(t *testing.T, root, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// functions is the text of some functions of a file.
func functions(file string, names ...string) string {
	var text strings.Builder
	for _, name := range names {
		_, rest, _ := strings.Cut(file, "\nfunc "+name+"(")
		body, _, _ := strings.Cut(rest, "\n}\n")
		text.WriteString("func " + name + "(" + body + "\n}\n")
	}
	return text.String()
}
