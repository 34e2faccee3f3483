package pipeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPackagesOf(t *testing.T) {
	got := packagesOf([]string{
		"pkg/kubelet/config/file.go", "staging/src/k8s.io/client-go/util/cert/cert.go", "pkg/kubelet/config/config.go", "pkg/kubelet/OWNERS",
	})
	want := []string{"k8s.io/client-go/util/cert", "k8s.io/kubernetes/pkg/kubelet/config"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
