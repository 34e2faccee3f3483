package source

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/layout"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
)

func place(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func TestReadVendored(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"a fork, as KubeEdge 1.19": {"# k8s.io/kubernetes v1.29.6 => github.com/kubeedge/kubernetes v1.29.6-kubeedge1\n## explicit; go 1.21\n", "v1.29.6"},
		"upstream":                 {"# k8s.io/kubernetes v1.22.6\n## explicit\n", "v1.22.6"},
		"a prerelease":             {"# k8s.io/kubernetes v1.37.0-rc.1\n", "v1.37.0-rc.1"},
		"a fork of another":        {"# k8s.io/kubernetes v1.28.0 => github.com/k3s-io/kubernetes v1.30.4-k3s1\n", "v1.30.4"},
		"a commit of a fork":       {"# k8s.io/kubernetes v1.28.0 => example.org/k v1.29.7-0.20240612061727-0123456789ab\n", "v1.29.6"},
		"a commit of no release":   {"# k8s.io/kubernetes v1.28.0 => example.org/k v0.0.0-20240612061727-0123456789ab\n", "v1.28.0"},
		"a folder":                 {"# k8s.io/kubernetes v1.29.6 => ../kubernetes\n", "v1.29.6"},
		"no release at all":        {"# k8s.io/kubernetes v0.0.0 => ../kubernetes\n# k8s.io/kubernetes => ../kubernetes\n", ""},
		"other modules":            {"# k8s.io/kubernetes/more v1.29.6\n# k8s.io/api v0.29.6\n", ""},
		"empty":                    {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			place(t, filepath.Join(dir, modulesFile), test.text)
			got, err := ReadVendored(dir)
			if test.want == "" && !errors.Is(err, fs.ErrNotExist) || test.want != "" && (err != nil || got.Version.String() != test.want) {
				t.Errorf("got %s, %v, want %q", got.Version, err, test.want)
			}
		})
	}
	if _, err := ReadVendored(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: got %v", err)
	}
}

// A tree is compared with the release that is asked for, by what it says of itself.
func TestCheckRelease(t *testing.T) {
	const changelog = "CHANGELOG/CHANGELOG-1.36.md"
	for name, test := range map[string]struct {
		file, text, version string
		rootSum             string
		want                string // of an error or a warning
	}{
		"tag":                       {changelog, "# v1.36.2\n# v1.36.1\n", "v1.36.3", "", ""},
		"just after the tag":        {changelog, "# v1.36.3\n# v1.36.2\n", "v1.36.3", "", ""},
		"first tag":                 {changelog, "# v1.36.0-rc.1\n", "v1.36.0", "", ""},
		"prerelease":                {changelog, "# v1.36.0-rc.0\n", "v1.36.0-rc.1", "", ""},
		"later tree":                {changelog, "# v1.36.2\n", "v1.36.1", "", "pass the release that the tree was made from, such as -version=v1.36.3"},
		"older tree":                {changelog, "# v1.36.2\n", "v1.36.4", "", "-version=v1.36.3"},
		"another minor version":     {changelog, "# v1.36.2\n", "v1.34.3", "", "-version=v1.36.3"},
		"before the first tag":      {changelog, "# v1.36.0-rc.1\n", "v1.36.1", "", "-version=v1.36.0"},
		"its root module is signed": {changelog, "# v1.36.2\n", "v1.34.3", "h1:signed=", ""},
		"no changelog":              {"CHANGELOG/README.md", "# v1.36.2\n", "v1.36.3", "", "CHANGELOG/ does not say which Kubernetes release the tree is"},
		"a changelog without any":   {changelog, "# Changes\n", "v1.36.3", "", "does not say"},
		"vendored":                  {modulesFile, "# k8s.io/kubernetes v1.36.3\n", "v1.36.3", "", ""},
		"vendored, another":         {modulesFile, "# k8s.io/kubernetes v1.36.3\n", "v1.36.4", "", "pass -version=v1.36.3"},
		"vendored, unknown":         {modulesFile, "", "v1.36.3", "", "vendor/modules.txt does not say"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			place(t, filepath.Join(dir, test.file), test.text)
			place(t, filepath.Join(dir, "CHANGELOG/CHANGELOG-1.9.md"), "# Older\n")
			version, err := kubever.Parse(test.version)
			if err != nil {
				t.Fatal(err)
			}
			found := layout.Upstream
			if test.file == modulesFile {
				found = layout.Vendored
			}
			origin := Origin{RootSum: test.rootSum}
			request := Request{Version: version, Location: dir, Entry: lock.Entry{Version: version, GoSum: "k8s.io/kubernetes " + test.version + " h1:signed=\n"}}
			err = origin.checkRelease(dir, found, request)
			got := strings.Join(origin.Warnings, "\n")
			if err != nil {
				got += err.Error()
				if !errors.Is(err, ErrMismatch) {
					t.Errorf("got %v, want ErrMismatch", err)
				}
			}
			if test.want == "" && got != "" || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Every tag of the lock says by its changelog that it is that tag.
func TestChangelogOfEveryLockedTag(t *testing.T) {
	locked, err := lock.Read(filepath.Join("..", "..", "..", "patches", "kubernetes.lock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range locked.Known() {
		t.Run(version.String(), func(t *testing.T) {
			last, _, err := lastInChangelog(programtest.Module(t, rootModule+"@"+version.String()))
			if err != nil || releaseAfter(last) != version {
				t.Errorf("its changelog ends with %s, %v", last, err)
			}
		})
	}
}
