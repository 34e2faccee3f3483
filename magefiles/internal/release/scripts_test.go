package release_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is added to scripts/ is in the release by itself: programs, what they read, and
// folders of theirs.
func TestScriptsAreFound(t *testing.T) {
	config := fixture(t, "v1.36.3")
	for name, text := range map[string]string{
		"renew-certs": "#!/usr/bin/env bash\n. \"$here/common.bash\"\n", "common.bash": ". \"${BASH_SOURCE[0]%/*}/lib/more.bash\"\n",
		"lib/more.bash": "true\n", "lib/words.txt": "words\n", "lib/testdata/x": "no\n", "notes.txt": "no\n", ".swap": "#!/bin/sh\n",
	} {
		write(t, filepath.Join(config.Root, "scripts", name), text, 0o600)
	}
	made := mustMake(t, config)
	got := map[string]string{}
	for name, mode := range readArchive(t, one(t, made, "-"+runtime.GOARCH+".tar.gz")) {
		_, name, _ = strings.Cut(name, "/")
		if !strings.HasPrefix(name, "systemd") && !slices.Contains([]string{"", "kubelet", "steadylet", "NOTICE", "LICENSE", "RELEASE.md"}, name) && filepath.Ext(name) != ".json" {
			got[name] = mode
		}
	}
	want := map[string]string{
		"upgrade-kubelet": "-rwxr-xr-x", "rollback-kubelet": "-rwxr-xr-x", "generate-state.sh": "-rwxr-xr-x", "renew-certs": "-rwxr-xr-x",
		"kubelet-swap.bash": "-rw-r--r--", "kubelet-service.bash": "-rw-r--r--", "common.bash": "-rw-r--r--",
		"lib/": "drwxr-xr-x", "lib/more.bash": "-rw-r--r--", "lib/words.txt": "-rw-r--r--",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	listed := must(t, "dpkg-deb", "--contents", one(t, made, ".deb"))
	for _, name := range []string{"upgrade-kubelet", "rollback-kubelet", "renew-certs"} {
		if !strings.Contains(listed, "./usr/sbin/"+name+" -> /usr/share/steadylet/scripts/"+name) {
			t.Errorf("%s is no command:\n%s", name, listed)
		}
	}
	if strings.Contains(listed, "/usr/sbin/generate-state.sh") || strings.Contains(listed, "/usr/sbin/common.bash") {
		t.Errorf("what is no command is one:\n%s", listed)
	}
}

// The repository's own scripts find, once unpacked, all that they read.
func TestPackedScriptsRun(t *testing.T) {
	config := fixture(t, "v1.36.3")
	folder := filepath.Join(config.Root, "scripts")
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(folder, os.DirFS("../../../scripts")); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	must(t, "dpkg-deb", "--extract", one(t, mustMake(t, config), ".deb"), dir)
	programs := 0
	err := filepath.WalkDir(filepath.Join(dir, "usr/share/steadylet/scripts"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasPrefix(read(t, path), "#!") {
			return err
		}
		programs++
		cmd := exec.CommandContext(t.Context(), path, "--help")
		cmd.Dir = t.TempDir()
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "Usage: "+entry.Name()) {
			t.Errorf("%s --help: %v\n%s", entry.Name(), err, out)
		}
		return nil
	})
	if err != nil || programs < 4 {
		t.Errorf("%d programs were packed (%v)", programs, err)
	}
}
