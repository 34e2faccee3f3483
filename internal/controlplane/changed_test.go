package controlplane

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// made makes folders (ending in "/"), links ("path -> target") and files below a folder.
func made(t *testing.T, dir string, what ...string) {
	t.Helper()
	for _, one := range what {
		path, target, isLink := strings.Cut(one, " -> ")
		path = filepath.Join(dir, path)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		switch {
		case isLink:
			err = errors.Join(err, os.Symlink(strings.Replace(target, "DIR", dir, 1), path))
		case strings.HasSuffix(one, "/"):
			err = errors.Join(err, os.MkdirAll(path, 0o755))
		default:
			err = errors.Join(err, os.WriteFile(path, nil, 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A file that a pod names counts where it lies in a folder, by whichever path.
func TestChanged(t *testing.T) {
	for name, test := range map[string]struct {
		made  []string
		files []string // that the pod names
		want  []string
		says  string
	}{
		"files": {
			[]string{"k8s/pki/apiserver.crt", "k8s-other/x.crt"},
			[]string{"k8s/pki/apiserver.crt", "k8s/none.conf", "k8s/pki", "k8s-other/x.crt"}, []string{"k8s/pki/apiserver.crt"}, "",
		},
		"pki is a link":                {[]string{"k8s/ssl/a.crt", "k8s/pki -> ssl"}, []string{"k8s/pki/a.crt", "k8s/ssl/a.crt", "k8s/pki"}, []string{"k8s/pki/a.crt", "k8s/ssl/a.crt"}, ""},
		"pki is a link that leads out": {[]string{"srv/a.crt", "k8s/pki -> DIR/srv"}, []string{"k8s/pki/a.crt", "srv/a.crt"}, []string{"k8s/pki/a.crt", "srv/a.crt"}, ""},
		"another link leads in":        {[]string{"k8s/pki/a.crt", "by -> k8s"}, []string{"by/pki/a.crt"}, []string{"by/pki/a.crt"}, ""},
		"a certificate is a link":      {[]string{"srv/a.crt", "k8s/pki/a.crt -> ../../srv/a.crt"}, []string{"k8s/pki/a.crt"}, []string{"k8s/pki/a.crt"}, ""},
		"no folders":                   {nil, []string{"k8s/pki/a.crt", "k8s/a.conf"}, nil, ""},
		"pki leads nowhere":            {[]string{"k8s/pki -> gone"}, []string{"k8s/pki/a.crt"}, nil, "pki -> gone: the link leads nowhere"},
		"pki leads in a circle":        {[]string{"k8s/pki -> pki"}, []string{"k8s/pki/a.crt"}, nil, "too many levels of symbolic links"},
		"pki is a file":                {[]string{"k8s/pki"}, []string{"k8s/pki/a.crt"}, nil, "not a directory"},
		"a certificate leads nowhere":  {[]string{"k8s/pki/a.crt -> gone"}, []string{"k8s/pki/a.crt"}, nil, "a.crt -> gone: the link leads nowhere"},
		"etcd leads nowhere":           {[]string{"k8s/pki/etcd -> gone"}, []string{"k8s/pki/etcd/a.crt"}, nil, "etcd -> gone: the link leads nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			made(t, dir, test.made...)
			at := func(names []string) (paths []string) {
				for _, name := range names {
					paths = append(paths, filepath.Join(dir, name))
				}
				return paths
			}
			n := Node{Folders: at([]string{"k8s", "k8s/pki"})}
			changed, err := n.Changed([]Pod{{Containers: []Container{{Files: at(test.files)}}}})
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
			if diff := cmp.Diff(at(test.want), slices.Sorted(maps.Keys(changed))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// changeTime is the time of a file's last change, or a link's.
func changeTime(t *testing.T, path string) time.Time {
	t.Helper()
	var stat syscall.Stat_t
	if err := syscall.Lstat(path, &stat); err != nil {
		t.Fatal(err)
	}
	return time.Unix(int64(stat.Ctim.Sec), int64(stat.Ctim.Nsec))
}

// Whoever leads a link elsewhere changes what a pod reads, as much as who writes a file.
func TestALinkThatIsLedElsewhere(t *testing.T) {
	for name, test := range map[string]struct {
		made []string
		link string // the one that changes last
	}{
		"the file":          {[]string{"ssl/a.crt", "k8s/pki -> ../ssl"}, "ssl/a.crt"},
		"the folder":        {[]string{"ssl/a.crt", "k8s/pki -> ../ssl"}, "k8s/pki"},
		"one in between":    {[]string{"ssl/a.crt", "now -> ssl", "k8s/pki -> ../now"}, "now"},
		"behind the folder": {[]string{"srv/b.crt", "ssl/a.crt -> ../srv/b.crt", "k8s/pki -> DIR/ssl"}, "ssl/a.crt"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			made(t, dir, test.made...)
			link := filepath.Join(dir, test.link)
			before := time.Time{}
			for _, one := range test.made {
				path, _, _ := strings.Cut(one, " -> ")
				before = later(before, changeTime(t, filepath.Join(dir, path)))
			}
			// The clock of a file system moves in steps.
			for i := 0; !changeTime(t, link).After(before); i++ {
				next := fmt.Sprintf("%s.%d", link, i)
				if err := errors.Join(os.Rename(link, next), os.Rename(next, link)); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join(dir, "k8s/pki/a.crt")
			n := Node{Folders: []string{filepath.Join(dir, "k8s")}}
			changed, err := n.Changed([]Pod{{Containers: []Container{{Files: []string{file}}}}})
			if err != nil || !changed[file].Equal(changeTime(t, link)) {
				t.Errorf("changed at %s (%v), want %s", changed[file], err, changeTime(t, link))
			}
		})
	}
}

// A file that the kubelet takes for no pod is left out, and is told of. Where nothing else
// is there it is an error not to be able to read it.
func TestPods(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: etcd}\n"
	for name, test := range map[string]struct {
		made    []string
		folder  string
		pods    int
		leftOut []string
		says    string
	}{
		"a pod":                {[]string{"m/etcd.yaml"}, "m", 1, nil, ""},
		"a link to a pod":      {[]string{"srv/etcd.yaml", "m/etcd.yaml -> ../srv/etcd.yaml"}, "m", 1, nil, ""},
		"the folder is a link": {[]string{"srv/etcd.yaml", "m -> srv"}, "m", 1, nil, ""},
		"one leads nowhere":    {[]string{"m/etcd.yaml", "m/old.yaml -> gone"}, "m", 1, []string{"m/old.yaml"}, ""},
		"a note":               {[]string{"m/README"}, "m", 0, []string{"m/README"}, ""},
		"nothing":              {[]string{"m/"}, "m", 0, nil, ""},
		"all lead nowhere":     {[]string{"m/etcd.yaml -> gone"}, "m", 0, []string{"m/etcd.yaml"}, "no static pod can be read: "},
		"it leads nowhere":     {[]string{"m -> gone"}, "m", 0, nil, "m -> gone: the link leads nowhere"},
		"no folder":            {nil, "m", 0, nil, "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			made(t, dir, test.made...)
			for _, one := range test.made {
				text := pod
				if strings.HasSuffix(one, "README") {
					text = "a note"
				}
				if strings.Contains(one, " -> ") || strings.HasSuffix(one, "/") {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, one), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var leftOut []string
			n := Node{Manifests: filepath.Join(dir, test.folder), Name: "DB-3", LeftOut: func(path string, _ error) {
				leftOut = append(leftOut, strings.TrimPrefix(path, dir+"/"))
			}}
			pods, err := n.Pods()
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) || len(pods) != test.pods {
				t.Errorf("got %+v, %v; want %d, %q", pods, err, test.pods, test.says)
			}
			if diff := cmp.Diff(test.leftOut, leftOut); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The manifests of a real control plane are all pods.
func TestPodsOfKubeadm(t *testing.T) {
	n := Node{Manifests: "testdata", Name: "DB-3", LeftOut: func(path string, why error) { t.Errorf("%s: %v", path, why) }}
	pods, err := n.Pods()
	if err != nil || len(pods) != 5 || pods[0].Name != "etcd-db-3" {
		t.Errorf("got %+v, %v", pods, err)
	}
}
