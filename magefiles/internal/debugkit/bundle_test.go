package debugkit_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/debugkit"
)

// A bundle is unpacked with tar and checked with sha256sum, and its script runs there.
func TestBundle(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"kubelet", "kubelet.manifest.json", "dlv", "steadylet", "ide/launch.json"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("content of "+name+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	bundle := debugkit.Bundle{
		Kubelet: filepath.Join(dir, "kubelet"), Delve: filepath.Join(dir, "dlv"), NodeCommand: filepath.Join(dir, "steadylet"),
		Scripts: filepath.Join(repository, "scripts"), IDE: filepath.Join(dir, "ide"), Date: time.Unix(1700000000, 0).UTC(),
	}
	out := filepath.Join(t.TempDir(), "debug-kit.tar.gz")
	if err := bundle.Write(out); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := bundle.Write(out); err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(out); err != nil || !bytes.Equal(first, second) {
		t.Errorf("a second bundle has other bytes (%v)", err)
	}
	unpacked := filepath.Join(filepath.Dir(out), "debug-kit")
	for _, line := range []string{
		"tar -xzf " + out, "cd " + unpacked + " && sha256sum --check --strict SHA256SUMS", unpacked + "/debug-kubelet --breakpoints sync",
		"test -x " + unpacked + "/kubelet -a -x " + unpacked + "/dlv -a ! -x " + unpacked + "/common.bash",
	} {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
		cmd.Dir = filepath.Dir(out)
		if said, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(said), "WARNING") {
			t.Errorf("%s: %v: %s", line, err, said)
		}
	}
	// Every file but the list itself is in the list.
	list, err := os.ReadFile(filepath.Join(unpacked, "SHA256SUMS"))
	if err != nil || strings.Count(string(list), "\n") != 5+8 {
		t.Errorf("%v: the list is\n%s", err, list)
	}
}

// What fails leaves an earlier bundle as it was, and nothing beside it.
func TestBundleThatFails(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "debug-kit.tar.gz")
	if err := os.WriteFile(out, []byte("earlier"), 0o600); err != nil {
		t.Fatal(err)
	}
	bundle := debugkit.Bundle{Kubelet: "/nowhere/kubelet", Delve: os.Args[0], NodeCommand: os.Args[0], Scripts: filepath.Join(repository, "scripts"), IDE: repository + "/scripts/breakpoints"}
	if err := bundle.Write(out); err == nil || !strings.Contains(err.Error(), "/nowhere/kubelet") {
		t.Errorf("got %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if data, err := os.ReadFile(out); err != nil || string(data) != "earlier" {
		t.Errorf("the earlier bundle is %q, %v", data, err)
	}
}
