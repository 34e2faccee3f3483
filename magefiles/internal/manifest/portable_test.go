package manifest_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/manifest"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

func TestPortable(t *testing.T) {
	for name, test := range map[string]struct {
		origin source.Origin
		want   string
	}{
		"module":             {source.Origin{Kind: source.Module, Location: "k8s.io/kubernetes@v1.36.3"}, "k8s.io/kubernetes@v1.36.3"},
		"URL":                {source.Origin{Kind: source.Git, Location: "https://git.example/kubernetes"}, "https://git.example/kubernetes"},
		"URL with a secret":  {source.Origin{Kind: source.Git, Location: "https://me:secret@git.example/kubernetes?token=secret"}, "https://git.example/kubernetes"},
		"repository on disk": {source.Origin{Kind: source.Git, Location: "/srv/mirrors/kubernetes.git"}, "kubernetes.git"},
		"file URL":           {source.Origin{Kind: source.Git, Location: "file:///srv/mirrors/kubernetes.git"}, "kubernetes.git"},
		"by ssh":             {source.Origin{Kind: source.Git, Location: "git@git.example:mirrors/kubernetes.git"}, "kubernetes.git"},
		"archive":            {source.Origin{Kind: source.Archive, Location: "../downloads/kubernetes.tar.gz"}, "kubernetes.tar.gz"},
	} {
		t.Run(name, func(t *testing.T) {
			built := manifest.Manifest{Component: "kubelet", Base: manifest.Base{Source: test.origin}, Build: manifest.Build{
				Arguments: []string{"build", "-o", "/home/me/kubelet", "-trimpath"}, Settings: []string{"GOOS=linux", "GOWORK=/home/me/go.work"},
				Started: time.Now(), DurationSeconds: 3,
			}}
			before := slices.Clone(built.Build.Arguments)
			want := built
			want.Base.Source.Location = test.want
			want.Build = manifest.Build{Arguments: []string{"build", "-o", "kubelet", "-trimpath"}, Settings: []string{"GOOS=linux", "GOWORK=go.work"}}
			if diff := cmp.Diff(want, built.Portable()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, built.Build.Arguments); diff != "" {
				t.Errorf("the original changed: %s", diff)
			}
		})
	}
}

// A manifest without times is one still.
func TestPortableIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "manifest.json")
	want := manifest.Manifest{SchemaVersion: manifest.SchemaVersion, Component: "kubelet", Build: manifest.Build{Started: time.Now()}}.Portable()
	if err := manifest.Write(path, want); err != nil {
		t.Fatal(err)
	}
	if got, err := manifest.Read(path); err != nil || !cmp.Equal(want, got) {
		t.Errorf("%v: %s", err, cmp.Diff(want, got))
	}
}
