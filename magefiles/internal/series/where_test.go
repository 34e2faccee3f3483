package series

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhere(t *testing.T) {
	got := Where("pkg/kubelet/config/file.go", []string{"file.go", "pkg/kubelet/config/file.go", "pkg/kubelet/other/file.go", "test/file.go", "pkg/kubelet/config/afile.go"})
	if diff := cmp.Diff([]string{"pkg/kubelet/other/file.go", "file.go", "test/file.go"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
