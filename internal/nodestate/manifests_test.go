package nodestate_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/nodestate"
)

func TestReadManifests(t *testing.T) {
	folder, err := filepath.Abs("testdata/manifests")
	if err != nil {
		t.Fatal(err)
	}
	files, err := nodestate.ReadManifests(folder+"/", "DB-3")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, file := range files {
		text := file.Namespace + "/" + file.Name + " " + file.Generated
		if file.Err != nil {
			text = file.Err.Error()
		} else if file.Changed.IsZero() || len(file.Content) == 0 {
			t.Errorf("%s: no time, or no content", file.Path)
		}
		got[strings.TrimPrefix(file.Path, folder)] = text
	}
	want := map[string]string{
		"/etcd.yaml": "kube-system/etcd-db-3 ", "/web.json": "default/web-db-3 a-uid-of-its-own",
		"/configmap.yaml": "it is not of kind Pod, apiVersion v1", "/nameless.yaml": "its pod has no name", "/broken.yaml": "it is no manifest in YAML or JSON",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadManifestsOfOddFolders(t *testing.T) {
	dir := t.TempDir()
	file, pipes, links := filepath.Join(dir, "etcd.yaml"), filepath.Join(dir, "pipes"), filepath.Join(dir, "links")
	whole, dead, linked := filepath.Join(dir, "whole"), filepath.Join(dir, "dead"), filepath.Join(dir, "linked")
	err := errors.Join(os.WriteFile(file, []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: etcd}"), 0o600), os.Mkdir(pipes, 0o700),
		syscall.Mkfifo(filepath.Join(pipes, "pipe"), 0o600), os.Mkdir(links, 0o700), os.Symlink(file, filepath.Join(links, "etcd.yaml")),
		os.Symlink(pipes, filepath.Join(links, "folder")), os.Mkdir(whole, 0o700), os.WriteFile(filepath.Join(whole, "etcd.yaml"), []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: etcd}"), 0o600),
		os.Symlink(whole, linked), os.Mkdir(dead, 0o700), os.Symlink("gone", filepath.Join(dead, "etcd.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	says := func(err error, want string) bool {
		return (err == nil) == (want == "") && (err == nil || strings.Contains(err.Error(), want))
	}
	for path, want := range map[string]struct{ name, err, changedErr string }{
		file: {"etcd-node", "", ""}, pipes: {"", "not a regular file", ""}, dead: {"", "etcd.yaml -> gone: the link leads nowhere", ""},
		links: {"etcd-node", "", "leads over a link"}, linked: {"etcd-node", "", "leads over a link"},
	} {
		files, err := nodestate.ReadManifests(path, "node")
		if err != nil || len(files) != 1 || files[0].Name != want.name || !says(files[0].Err, want.err) || !says(files[0].ChangedErr, want.changedErr) {
			t.Errorf("%s: got %+v, %v; want %+v", path, files, err, want)
		}
	}
	_, err = nodestate.ReadManifests(filepath.Join(dir, "none"), "node")
	if err == nil || !strings.Contains(err.Error(), "--pod-manifest-path") {
		t.Errorf("a folder that is missing: got %v", err)
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b, uid: c}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := nodestate.ParseManifest("/path", data, "Node")
		if err == nil && (file.Namespace == "" || !strings.HasSuffix(file.Name, "-node")) {
			t.Errorf("got %+v", file)
		}
	})
}
