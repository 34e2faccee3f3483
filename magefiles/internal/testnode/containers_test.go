package testnode

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

func TestImageDigests(t *testing.T) {
	const table = `REF                         TYPE                                       DIGEST        SIZE    PLATFORMS   LABELS
steadylet.local/app:v1      application/vnd.oci.image.manifest.v1+json sha256:0a1b   1.0 MiB linux/amd64 io.cri-containerd.image=managed
steadylet.local/app:v2      application/vnd.oci.image.manifest.v1+json sha256:0a1b   1.0 MiB linux/amd64 -
cut off
`
	want := map[string]string{"steadylet.local/app:v1": "sha256:0a1b", "steadylet.local/app:v2": "sha256:0a1b"}
	if diff := cmp.Diff(want, imageDigests(table)); diff != "" {
		t.Errorf("digests (-want +got):\n%s", diff)
	}
	if got := imageDigests(""); len(got) != 0 {
		t.Errorf("got %v from nothing", got)
	}
}

// A log says more where more is asked for.
func TestVerbosity(t *testing.T) {
	version, err := kubever.Parse("v1.31.0")
	if err != nil {
		t.Fatal(err)
	}
	for verbosity, want := range map[int]string{0: "-v=2", 4: "-v=4"} {
		if flags := (KubeletPlace{Verbosity: verbosity}).Flags(version); !slices.Contains(flags, want) {
			t.Errorf("verbosity %d: got %v, want %s", verbosity, flags, want)
		}
	}
}
